# flights.tcl DB: asks a table of flights and changes a row in a transaction.
#
#   TCLLIBPATH=stage/lib/tcl tclsh examples/tcl/flights.tcl flights.db
package require store

lassign $argv path
store open db $path
set flights [db table open flights]

puts "[$flights count] flights, [llength [$flights fields]] columns"
foreach carrier {UA B6 EV} {
    puts "$carrier [$flights search -compare [list [list = carrier $carrier]]]"
}
set late {{= origin JFK} {>= dep_delay 60}}
puts "late from JFK: [$flights search -compare $late] ([$flights explain -compare $late])"

puts "the three latest of them:"
$flights search -compare $late -sort -dep_delay -limit 3 \
    -fields {carrier flight dest dep_delay} -array_get row -code { puts "    $row" }

set key {2013 1 1 UA 1545 EWR 515}
puts "UA 1545 on January 1: [$flights dict $key tailnum dest dep_delay]"
try {
    db transaction {
        $flights set $key dep_delay 99
        puts "inside the transaction: [$flights get $key dep_delay]"
        error "changed my mind"
    }
} on error message {
    puts "rolled back ($message): [$flights get $key dep_delay]"
}
try {
    $flights get {2013 1 1 XX 1 EWR 1}
} trap {STORE NOT_FOUND} {message options} {
    puts "errors have codes: [dict get $options -errorcode]"
}
db close
