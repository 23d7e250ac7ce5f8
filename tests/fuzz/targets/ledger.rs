//! What the ledger keeps: bytes that a disk may have changed, or an older or newer program may have written.

use std::collections::BTreeMap;
use std::sync::Arc;

use burnwatch::ledger::{Kept, KeptAccount, Ledger, Row};
use burnwatch::plan::{Facts, Pace, plan};
use burnwatch::slos;
use burnwatch::units::{SloId, Timestamp};

use crate::targets::check_sentence;

const SLOS: &str = "
service: shop
slos: [{ name: events, objective: 99%, sli: { bad: 'http_total{code=\"500\"}', total: http_total } }]
";

pub fn target(bytes: &[u8]) {
    let (slos, _) = slos::read("f", SLOS);
    let (plan, _) = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), Pace::DEFAULT);
    // As it is, and with the checksum that it would have: as if it had been written so.
    for bytes in [bytes.to_vec(), [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat()] {
        let (slo, at) = (&plan.slos[0].slo, Timestamp::seconds(60));
        let account = KeptAccount {
            id: SloId::new("shop", "events"),
            fingerprint: slo.sli.fingerprint(),
            removed: None,
            opening: Some(bytes.clone()),
        };
        let kept = Kept {
            accounts: vec![account],
            rows: vec![(at, Row::unpacked(at, &bytes))],
            queries: BTreeMap::from([(plan.queries[0].key(), bytes.clone())]),
            pasts: BTreeMap::from([((0, 0), bytes.clone())]),
        };
        let (mut ledger, problems) = Ledger::restored(kept);
        problems.iter().for_each(|problem| check_sentence(&problem.what));
        if let Some(row) = ledger.statement.row(at) {
            assert!(row.packed().len() <= bytes.len());
        }
        ledger.adopt(None, &plan, Timestamp::seconds(90));
        ledger.thin(&plan, Timestamp::seconds(90));
    }
}
