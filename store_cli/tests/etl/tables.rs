//! Tables as sources and sinks.

use super::place::Place;
use super::run_job;

fn place() -> Place {
    let place = Place::with_flights();
    place.file("more.tsv", "id\tdelay\n2\t20\n9\t90\n");
    place
}

#[test]
fn a_table_is_read_at_one_moment() {
    let place = place();
    let yaml = "steps:\n  - scan: { table: flights, db: db }\n  - filter: { expr: delay is not null }\n  - \
                sort: { by: -delay }\n  - project: { columns: [id, origin] }\n  - sink: { destination: out.tsv \
                }\n";
    super::done(&place, yaml, &[]);
    assert_eq!(place.read("out.tsv"), "id\torigin\n4\tJFK\n1\tJFK\n3\t\n");
    place.file("job.yaml", yaml);
    let explained = place.out("etl explain job.yaml");
    assert!(explained.contains("scan table flights, 3 of 3 columns: id int64"), "{explained}");
}

#[test]
fn rows_are_inserted_or_written_over_those_with_their_key() {
    let place = place();
    let yaml = "steps:\n  - scan: { source: more.tsv, header: true }\n  - sink: { table: flights, db: db }\n";
    let run = run_job(&place, yaml, &["--manifest", "m.json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let rows = place.out("query db flights --sort id --no-header --format csv");
    assert_eq!(rows, "1,JFK,10\n2,EWR,20\n3,\"\",-5\n4,JFK,70\n9,,90\n");
    assert!(place.read("m.json").contains("\"name\": \"db flights\""));
    assert!(place.out("check db").contains("ok") || place.run("check db").code == 0);
}

#[test]
fn a_table_can_be_changed_by_what_it_holds() {
    let place = place();
    let yaml = "steps:\n  - scan: { table: flights, db: db }\n  - project: { columns: [id, delay * 2 AS delay] \
                }\n  - sink: { table: flights, db: db }\n";
    let run = run_job(&place, yaml, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let rows = place.out("query db flights --sort id --no-header --format csv");
    assert_eq!(rows, "1,JFK,20\n2,EWR,\n3,\"\",-10\n4,JFK,140\n");
}

#[test]
fn what_does_not_fit_a_table_is_told() {
    let place = place();
    let job = |columns: &str| {
        format!(
            "steps:\n  - scan: {{ source: more.tsv, header: true }}\n  - project: {{ columns: {columns} }}\n  - \
             sink: {{ table: flights, db: db }}\n"
        )
    };
    run_job(&place, &job("[delay]"), &[]).refused(1, "job.yaml:4:20: no column for the key \"id\"");
    run_job(&place, &job("[id, delay AS late]"), &[]).refused(1, "late");
    run_job(&place, &job("[id, \"'x' AS delay\"]"), &[])
        .refused(1, "column \"delay\" of `flights` is int64, and text comes: write CAST");
    let run = run_job(&place, &job("[\"id * 1.5 AS id\", delay]"), &[]);
    run.refused(1, "more.tsv:3: ");
    let missing = job("[id]").replace("table: flights", "table: nowhere");
    run_job(&place, &missing, &[]).refused(1, "nowhere");
    let small = run_job(&place, &job("[id]"), &["--memory", "12MB"]);
    assert_eq!(small.code, 4, "{small:?}");
}
