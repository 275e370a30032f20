# Loads the shared object that lies beside this file, in Tcl 8.6 and 9.0.
if {![package vsatisfies [package provide Tcl] 8.6-]} {
    return
}
package ifneeded store 0.1.0 \
    [list load [file join $dir libstore_tcl[info sharedlibextension]] Store]
