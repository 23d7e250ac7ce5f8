//! The key of a row: an optional method, a path, and optional matchers.

use crate::promql::{Matcher, Op};
use crate::slos::sli::matchers;
use crate::units::Problem;
use crate::yaml::Node;

/// Such as `POST /agents/plan{mode="cot"}`.
pub struct Endpoint<'n> {
    /// As it was written.
    pub text: &'n str,
    pub method: Option<&'n str>,
    pub path: &'n str,
    pub matchers: Vec<Matcher>,
}

impl<'n> Endpoint<'n> {
    pub fn read(key: &'n Node, problems: &mut Vec<Problem>) -> Option<Endpoint<'n>> {
        let text = key.text()?;
        let (request, braces) = text.split_at(matchers_at(text).unwrap_or(text.len()));
        let matchers = match braces {
            "" => Some(Vec::new()),
            _ => matchers(key, "endpoints", request.len(), problems),
        };
        let request = request.trim();
        let (method, path) = request.split_once(' ').map_or((None, request), |(method, path)| (Some(method), path));
        let path = path.trim_start();
        let is_method = method.is_none_or(|method| method.bytes().all(|byte| byte.is_ascii_alphabetic()));
        if !is_method || !path.starts_with('/') || path.contains([' ', '\t', '"', '\'']) {
            let what = format!("{text:?} is not a method and a path");
            let remedy =
                "write GET /path, or /path for all methods, with matchers behind it as in /path{mode=\"fast\"}";
            problems.push(Problem::error("endpoints", what, remedy).at(&key.place));
            return None;
        }
        Some(Endpoint { text, method, path, matchers: matchers? })
    }

    /// Its method, the words of its path and the values of its matchers, in small letters: `post-agents-plan-cot`.
    pub fn name(&self) -> String {
        let mut said: Vec<&str> = self.method.into_iter().collect();
        said.push(if words(self.path).next().is_some() { self.path } else { "root" });
        for matcher in &self.matchers {
            said.extend(matches!(matcher.op, Op::NotEqual | Op::NotMatch).then_some("not"));
            said.push(&matcher.value);
        }
        said.into_iter().flat_map(words).map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    }
}

/// The pieces of `text` that may stand in a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '.');
    pieces.map(|piece| piece.trim_matches(['_', '.'])).filter(|piece| !piece.is_empty())
}

/// Where the matchers begin. A brace without a label and an operator behind it belongs to the path: `/users/{id}`.
fn matchers_at(text: &str) -> Option<usize> {
    let is_label = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.match_indices('{').map(|(at, _)| at).find(|at| {
        let inside = text[at + 1..].trim_start();
        inside.starts_with('"') || inside.trim_start_matches(is_label).trim_start().starts_with(['=', '!'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    /// What a key is read as: method, path, matchers and name, or what is wrong with it.
    fn check(key: &str, expected: &str) {
        let (nodes, mut problems) = documents("f", &format!("'{key}'"));
        let told = match Endpoint::read(&nodes[0], &mut problems) {
            Some(endpoint) => {
                let matchers: Vec<String> = endpoint.matchers.iter().map(Matcher::to_string).collect();
                let method = endpoint.method.unwrap_or("-");
                format!("{method} {} {{{}}} {}", endpoint.path, matchers.join(","), endpoint.name())
            }
            None => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        };
        assert_eq!(told, expected, "{key}");
    }

    #[test]
    fn reads_a_method_a_path_and_matchers() {
        check("GET /health", "GET /health {} get-health");
        check("/Health/Ready", "- /Health/Ready {} health-ready");
        check(r#"POST  /agents/plan {mode="cot"}"#, r#"POST /agents/plan {mode="cot"} post-agents-plan-cot"#);
        check(r#"/a{zone!="eu", mode=~"x|y"}"#, r#"- /a {mode=~"x|y",zone!="eu"} a-x-y-not-eu"#);
    }

    #[test]
    fn leaves_braces_of_a_path_alone() {
        check("GET /users/{id}", "GET /users/{id} {} get-users-id");
        check(r#"/users/{id}/{tab}{mode="x"}"#, r#"- /users/{id}/{tab} {mode="x"} users-id-tab-x"#);
        check("GET /", "GET / {} get-root");
        check("/.well-known/v1.2/_status/:id", "- /.well-known/v1.2/_status/:id {} well-known-v1.2-status-id");
    }

    #[test]
    fn says_what_is_no_endpoint() {
        let remedy = "write GET /path, or /path for all methods, with matchers behind it as in /path{mode=\"fast\"}";
        for key in ["health", "GET", "", "GET health", "GET /a b", "G3T /a", "http://a/b", r#"/a{mode "cot"}"#] {
            check(key, &format!("f:1:1: {key:?} is not a method and a path; {remedy}"));
        }
        check("GET /a{mode=cot}", r#"f:1:14: "endpoints": the value "cot" is not in quotes; write "cot""#);
    }
}
