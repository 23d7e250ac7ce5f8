//! `/openapi.json` against the daemon that serves it: every described path answers as it is described.

use crate::stand::{Service, eventually, python};
use crate::web::{SLOS, SOON, daemon};

#[test]
fn every_path_answers_as_it_is_described() {
    let service = Service::start();
    let mut daemon = daemon(&service, SLOS);
    daemon.start();
    let state = || daemon.slo("shop", "availability")["coverage"].as_f64();
    eventually("something is measured", SOON, state, |coverage| *coverage > Some(0.0));
    let notes = tempfile::tempdir().unwrap();
    let mut schemathesis = python();
    schemathesis.current_dir(&notes);
    schemathesis.args(["-m", "schemathesis.cli", "run", "--max-examples", "10", "--seed", "1", "--no-color"]);
    schemathesis.args(["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--checks"]);
    schemathesis.arg(
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
         response_schema_conformance",
    );
    let run = schemathesis.arg(format!("http://{}/openapi.json", daemon.address())).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    // All but the description itself.
    assert!(said.contains("Tested: 17\n") && !said.contains("WARNINGS"), "{said}");
}
