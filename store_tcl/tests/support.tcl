# What every test script needs: the package, tcltest, and a way to see errors.
package require tcltest 2.3
namespace import ::tcltest::test ::tcltest::cleanupTests
package require store

# Runs a script that must fail; gives its message and errorCode.
proc failure {script} {
    if {[catch {uplevel 1 $script} message options]} {
        return [list $message [dict get $options -errorcode]]
    }
    error "should have failed, gave \"$message\""
}

# A scratch directory for a store, removed if it exists.
proc place {name} {
    set path [file join [pwd] place_$name]
    file delete -force $path
    return $path
}

proc flights {} {
    set table [db table create flights {
        {flight_id text -key}
        {altitude int -index}
        {origin text -index -notnull -default ""}
        {lat double}
    }]
    foreach {id altitude origin} {UAL1 35000 KAUS UAL2 31000 KDFW DAL3 12000 KAUS SWA4 9000 KHOU} {
        $table set $id altitude $altitude origin $origin
    }
    return $table
}
