//! Mail by a real SMTP server with STARTTLS and AUTH.

use crate::notices::{SOON, deliveries, fail_at_once, shop, start};
use crate::stand::{Mailbox, USER, eventually};

#[test]
fn a_mail_of_exhaustion_arrives_once_though_the_server_was_down_and_shows_the_numbers_of_the_api() {
    let mut mailbox = Mailbox::stopped("pass word");
    let notify = format!(
        "notify:\n  - {{ name: mail, only: [budget_exhausted], email: {{ smtp: '{}', ca_file: '{}', username: {USER}, \
         password_file: password, from: SLOs <slo@example.com>, to: [owner, On call <oncall@example.com>] }} }}",
        mailbox.address(),
        mailbox.ca_file().display()
    );
    let (service, mut daemon) = shop(&notify);
    daemon.write("password", "pass word\n");
    start(&mut daemon);
    fail_at_once(&service);
    let attempts = || deliveries(&daemon, "mail").first().map_or(0, |mail| mail["attempts"].as_u64().unwrap());
    eventually("the server is missed twice", SOON, attempts, |attempts| *attempts >= 2);
    let health = || daemon.get("/health")["checks"]["notify"]["status"].clone();
    eventually("that is told", SOON, health, |health| health == "degraded");

    mailbox.start();
    let state = || deliveries(&daemon, "mail")[0]["state"].clone();
    eventually("the mail is delivered", SOON, state, |state| state == "delivered");
    daemon.wait_next_tick();
    let mails = mailbox.mails();
    assert_eq!(mails.len(), 1);
    let (headers, text, html) =
        (&mails[0]["headers"], mails[0]["text"].as_str().unwrap(), mails[0]["html"].as_str().unwrap());
    assert_eq!(mails[0]["type"], "multipart/alternative");
    assert_eq!(mails[0]["defects"].as_array().map(Vec::len), Some(0));
    assert_eq!(headers["Subject"], "shop/availability: error budget exhausted");
    let id = deliveries(&daemon, "mail")[0]["id"].as_str().unwrap().to_string();
    assert_eq!(headers["Message-ID"], format!("<{id}@example.com>"));
    let to = headers["To"].as_str().unwrap();
    assert!(to.contains("payments@example.com") && to.contains("oncall@example.com"), "{to}");

    // Nothing has been counted since, so the API still says what the mail said.
    let slo = daemon.slo("shop", "availability");
    let percent = |share: &serde_json::Value| {
        let percent = (share.as_f64().unwrap() * 100.0 * 10_000.0).round() / 10_000.0;
        format!("{percent} %")
    };
    for (name, value) in [
        ("Events", slo["events"]["total"].to_string()),
        ("Bad events", slo["events"]["bad"].to_string()),
        ("Budget consumed", percent(&slo["budget"]["consumed"])),
        ("Budget left", percent(&slo["budget"]["remaining"])),
    ] {
        assert!(text.contains(&format!("\n{name}: {value}\n")), "{name}: {value} in\n{text}");
        assert!(html.contains(&format!(">{name}</td><td>{value}</td>")), "{name}: {value} in\n{html}");
    }
    assert_eq!(html.matches("<td title=").count(), 30);
    assert!(text.contains("Runbook: https://wiki.example.com/shop"), "{text}");
}

#[test]
fn a_server_that_is_not_trusted_or_knows_another_password_is_told_nothing() {
    let mut mailbox = Mailbox::stopped("another password");
    mailbox.start();
    let channel = |name: &str, ca_file: &str| {
        format!(
            "\n  - {{ name: {name}, email: {{ smtp: '{}'{ca_file}, username: {USER}, password_file: password, \
             from: slo@example.com, to: [oncall@example.com] }} }}",
            mailbox.address()
        )
    };
    let trusted = format!(", ca_file: '{}'", mailbox.ca_file().display());
    let (_service, daemon) = shop(&format!("notify:{}{}", channel("strange", ""), channel("known", &trusted)));
    daemon.write("password", "the secret of this test\n");
    let (code, said) = daemon.command(&["notify", "test"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("strange: failed,") && said.contains("known: failed,"), "{said}");
    assert!(said.contains("UnknownIssuer") && said.contains("535"), "{said}");
    assert!(!said.contains("the secret"), "{said}");
    assert_eq!(mailbox.mails().len(), 0);

    daemon.write("password", "another password\n");
    let (code, said) = daemon.command(&["notify", "test", "known"]);
    assert_eq!((code, said.as_str()), (Some(0), "known: ok, 250 kept\n"));
    assert_eq!(mailbox.mails()[0]["headers"]["Subject"], "burnwatch/test: 75 % of the error budget consumed");
    let (code, said) = daemon.command(&["notify", "test", "unknown"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("there is no channel \"unknown\"; there are strange, known"), "{said}");
}
