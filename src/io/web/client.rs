//! Who asks: the peer, or whom proxies that are trusted say they ask for. Never knows what is asked.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use ipnet::IpNet;

/// The header that most proxies write.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// One who asks: an IPv4 address, or the /64 of an IPv6 one, within which anybody can have any number of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// Who asks through `peer`: the last hop that is no trusted proxy. What comes before it could be anybody's invention.
    /// Where both headers are there, `X-Forwarded-For` counts.
    pub fn of(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let mut nearest = peer.0.to_canonical();
        for hop in hops(headers).into_iter().rev() {
            match hop {
                Some(hop) if is_trusted(nearest) => nearest = hop.to_canonical(),
                _ => break,
            }
        }
        Client::at(nearest)
    }

    fn at(address: IpAddr) -> Client {
        Client(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// The hops that the headers tell, nearest last; None for one that is no address.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name| headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("?").split(','));
    match headers.contains_key(X_FORWARDED_FOR) {
        true => values(X_FORWARDED_FOR).map(address).collect(),
        false => values(FORWARDED.as_str()).map(forwarded).collect(),
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(value.trim_matches('"'))
}

/// An address as proxies write it: with a port or without, IPv6 in brackets or bare.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks through `peer`, where 10.0.0.0/8 and fd00::/8 are trusted.
    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let client = Client::of(Peer(peer.parse().unwrap()), &headers, &trusted);
        assert_eq!(client.to_string(), expected, "{peer} {headers:?}");
    }

    #[test]
    fn a_stranger_is_who_connects_whatever_it_says() {
        check("192.0.2.1", &[("x-forwarded-for", "198.51.100.7")], "192.0.2.1");
        check("2001:db8:1:2:3:4:5:6", &[("forwarded", "for=198.51.100.7")], "2001:db8:1:2::/64");
        check("::ffff:192.0.2.1", &[], "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_it_is_the_last_hop_that_is_none() {
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &[("x-forwarded-for", "192.0.2.1")], "192.0.2.1");
        check("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, 192.0.2.1:4711, 10.9.9.9")], "192.0.2.1");
        check("::ffff:10.0.0.1", &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1");
        check("fd00::1", &[("forwarded", "for=192.0.2.1;proto=https, For=\"[fd00::2]:80\"")], "192.0.2.1");
        check("10.0.0.1", &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.2")], "192.0.2.2");
        check("10.0.0.1", &[("x-forwarded-for", "2001:db8:1:2:3::5")], "2001:db8:1:2::/64");
    }

    #[test]
    fn what_is_no_address_hides_nobody_behind_it() {
        check("10.0.0.1", &[("x-forwarded-for", "192.0.2.1, unknown")], "10.0.0.1");
        check("10.0.0.1", &[("x-forwarded-for", "192.0.2.1, 10.0.0.2, _hidden, 10.0.0.3")], "10.0.0.3");
        check("10.0.0.1", &[("forwarded", "by=10.0.0.2")], "10.0.0.1");
    }
}
