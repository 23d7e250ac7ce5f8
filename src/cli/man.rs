//! `burnwatch man`: one page with every command and flag, made of what `--help` says.

use std::io;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::{Args, NAME, print};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch man | man -l -
  burnwatch man > /usr/local/share/man/man1/burnwatch.1";

pub fn man() -> anyhow::Result<ExitCode> {
    print(&String::from_utf8(page()?)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page in roff. The library would point to a page of its own for each command.
fn page() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let whole = Man::new(command.clone()).source(concat!("burnwatch ", env!("CARGO_PKG_VERSION"))).manual("");
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        chapter(subcommand, &mut page)?;
    }
    whole.render_options_section(&mut page)?;
    heading("EXIT STATUS AND EXAMPLE").to_writer(&mut page)?;
    after(&command).to_writer(&mut page)?;
    Ok(page)
}

/// One command under one heading: how it is called, what it does, its own flags, its examples.
fn chapter(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let own = command.clone().mut_args(|arg| match arg.is_global_set() {
        true => arg.hide(true),
        false => arg,
    });
    let man = Man::new(own);
    heading(&format!("{NAME} {}", command.get_name()).to_uppercase()).to_writer(page)?;
    paragraph(page, |section| man.render_synopsis_section(section))?;
    paragraph(page, |section| man.render_description_section(section))?;
    paragraph(page, |section| man.render_options_section(section))?;
    after(command).to_writer(page)
}

fn heading(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [text]);
    roff
}

/// A section of the library's as a paragraph: without its heading.
fn paragraph(page: &mut Vec<u8>, section: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    section(&mut text)?;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        page.extend(if line.starts_with(b".SH ") { b".PP\n" } else { line });
    }
    Ok(())
}

/// The lines behind the flags of `--help`, as they stand.
fn after(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("PP", []).control("nf", []);
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    text.lines().for_each(|line| {
        roff.text([roman(line)]);
    });
    roff.control("fi", []);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_chapter_with_its_flags_and_its_examples() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for command in Args::command().get_subcommands() {
            let heading = format!(".SH \"BURNWATCH {}\"\n", command.get_name().to_uppercase());
            let chapter = page.split_once(&heading).unwrap_or_else(|| panic!("{heading:?} in\n{page}")).1;
            let chapter = chapter.split("\n.SH ").next().unwrap();
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(chapter.contains(&format!("\\-\\-{}", flag.replace('-', "\\-"))), "{flag} in\n{chapter}");
            }
            assert!(chapter.contains("Examples:\n"), "{chapter}");
        }
        let common = page.matches("\\-\\-prometheus\\fR \\fI<URL>").count();
        assert_eq!(common, 1, "the common flags stand once\n{page}");
    }
}
