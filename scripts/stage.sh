#!/bin/sh
# stage.sh BUILD STAGE: lays out what was built as it would be installed.
set -eu
build=$1
stage=$2
package=$stage/lib/tcl/store0.1.0

rm -rf "$stage"
mkdir -p "$stage/bin" "$stage/include" "$package"
cp "$build/store" "$stage/bin/"
cp "$build/libstore.so" "$stage/lib/libstore.so.0"
ln -s libstore.so.0 "$stage/lib/libstore.so"
cp include/store.h "$stage/include/"
cp "$build/libstore_tcl.so" store_tcl/pkgIndex.tcl "$package/"
echo "staged in $stage: $(cd "$stage" && find . -type f | sort | tr '\n' ' ')"
