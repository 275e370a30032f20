//! Addresses of networks: internet addresses and those of network cards.

use super::parse::shown;
use crate::error::{Error, Result};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An internet address, IPv4 or IPv6, as 16 bytes in network order.
///
/// An IPv4 address is kept as the IPv6 address it is mapped to, and that mapped address *is* the
/// IPv4 address: `::ffff:192.0.2.1` equals `192.0.2.1` and is written so. Addresses are ordered by
/// their bytes, so those of IPv4 lie together.
///
/// ```
/// use store_core::Inet;
/// use std::net::{IpAddr, Ipv4Addr};
/// let address: Inet = "::ffff:192.0.2.1".parse()?;
/// assert_eq!(IpAddr::from(address), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
/// assert_eq!(address.to_string(), "192.0.2.1");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct Inet([u64; 2]); // the bytes as numbers, the first eight first

impl Inet {
    /// The address of these bytes.
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        let all = u128::from_be_bytes(octets);
        Self([(all >> 64) as u64, all as u64])
    }

    /// The bytes; an IPv4 address is the last four, after ten zeros and two of 255.
    pub const fn octets(self) -> [u8; 16] {
        ((self.0[0] as u128) << 64 | self.0[1] as u128).to_be_bytes()
    }

    /// The address of these words.
    #[inline(always)]
    pub(crate) const fn from_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// The words of the address, which compare as its bytes do.
    pub(crate) const fn words(self) -> [u64; 2] {
        self.0
    }

    /// Reads the whole text; `None` if it is no address.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        text.parse().ok().map(|address: IpAddr| address.into())
    }
}

impl From<IpAddr> for Inet {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

impl From<Ipv4Addr> for Inet {
    fn from(address: Ipv4Addr) -> Self {
        address.to_ipv6_mapped().into()
    }
}

impl From<Ipv6Addr> for Inet {
    fn from(address: Ipv6Addr) -> Self {
        Self::from_octets(address.octets())
    }
}

impl From<Inet> for IpAddr {
    fn from(address: Inet) -> Self {
        Ipv6Addr::from(address.octets()).to_canonical()
    }
}

impl FromStr for Inet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.as_bytes();
        let fault = || Error::type_mismatch(format!("\"{}\" is not an inet", shown(text)));
        Self::parse(text).ok_or_else(fault)
    }
}

/// IPv4 as four numbers, IPv6 as RFC 5952 has it.
impl fmt::Display for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        IpAddr::from(*self).fmt(f)
    }
}

impl fmt::Debug for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inet({self})")
    }
}

/// The address of a network card (EUI-48), six bytes in network order.
///
/// ```
/// use store_core::Mac;
/// let card: Mac = "0800.2B01.0203".parse()?;
/// assert_eq!(card.octets(), [8, 0, 0x2b, 1, 2, 3]);
/// assert_eq!(card.to_string(), "08:00:2b:01:02:03");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct Mac(u64); // the bytes as a number, its upper 16 bits zero

impl Mac {
    /// The address of these bytes.
    pub const fn from_octets(octets: [u8; 6]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < octets.len() {
            bits = bits << 8 | octets[at] as u64;
            at += 1;
        }
        Self(bits)
    }

    /// The bytes.
    pub fn octets(self) -> [u8; 6] {
        std::array::from_fn(|at| (self.0 >> (40 - 8 * at)) as u8)
    }

    /// The bytes as a number, which compares as they do.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// The address of this number; its upper 16 bits say nothing.
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << 48) - 1))
    }

    /// Appends the text.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (nth, octet) in self.octets().into_iter().enumerate() {
            if nth > 0 {
                out.push(b':');
            }
            out.push(DIGITS[usize::from(octet >> 4)]);
            out.push(DIGITS[usize::from(octet & 15)]);
        }
    }

    /// Reads the whole text: six pairs of digits with `:` or `-` between, or three groups of four
    /// with a dot between.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (separator, group) = match (text.len(), text.get(2)?) {
            (17, separator @ (b':' | b'-')) => (*separator, 2),
            (14, _) => (b'.', 4),
            _ => return None,
        };
        let mut bits = 0;
        for (at, byte) in text.iter().enumerate() {
            if at % (group + 1) != group {
                bits = bits << 4 | u64::from(char::from(*byte).to_digit(16)?);
            } else if *byte != separator {
                return None;
            }
        }
        Some(Self::from_bits(bits))
    }
}

impl FromStr for Mac {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.as_bytes();
        let fault = || Error::type_mismatch(format!("\"{}\" is not a mac", shown(text)));
        Self::parse(text).ok_or_else(fault)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(17);
        self.write(&mut out);
        f.pad(&String::from_utf8_lossy(&out))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internet_addresses_have_one_form() {
        for (text, canonical) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("0:0:1:0:0:0:0:1", "0:0:1::1"),
            ("::", "::"),
            ("::1", "::1"),
            ("255.255.255.255", "255.255.255.255"),
        ] {
            let address: Inet = text.parse().unwrap();
            assert_eq!(address.to_string(), canonical);
            assert_eq!(canonical.parse::<Inet>().unwrap(), address);
            assert_eq!(Inet::from(IpAddr::from(address)), address);
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.4/24",
            "fe80::1%eth0",
            "[::1]",
            "1.2.3.4 ",
            "::1::",
            "12345::",
            "localhost",
            "3221225985",
        ] {
            assert!(text.parse::<Inet>().is_err(), "{text}");
        }
        assert!(Inet::parse(b"1.2.3.\xff").is_none());
    }

    #[test]
    fn addresses_of_one_family_lie_together() {
        let texts = [
            "::",
            "::1",
            "0.0.0.0",
            "9.255.0.1",
            "10.0.0.1",
            "255.255.255.255",
            "64:ff9b::",
            "fe80::",
        ];
        let sorted: Vec<Inet> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(sorted.is_sorted());
    }

    #[test]
    fn cards_are_read_in_three_forms() {
        let card = Mac::from_octets([0, 0xff, 0x2b, 1, 2, 0xfe]);
        for text in
            ["00:ff:2b:01:02:fe", "00-FF-2B-01-02-FE", "00ff.2b01.02fe", "00:FF:2b:01:02:fE"]
        {
            assert_eq!(text.parse::<Mac>().unwrap(), card);
        }
        assert_eq!(card.to_string(), "00:ff:2b:01:02:fe");
        assert_eq!(Mac::from_bits(card.to_bits() | 7 << 48), card);
        for text in [
            "",
            "00",
            "00ff2b0102fe",
            "00:ff:2b:01:02",
            "00:ff:2b:01:02:fe:00",
            "00:ff-2b:01:02:fe",
            "00:ff:2b:01:02:fg",
            "0:ff:2b:01:02:fe0",
            "00f.f2b01.02fe",
            "00ff:2b01:02fe",
            "+0:ff:2b:01:02:fe",
            "00 ff 2b 01 02 fe",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }
}
