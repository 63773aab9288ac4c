//! Base64 with padding (RFC 4648 section 4), for documents that one dialect takes as words and another one as bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut written = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = [0_u8; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for place in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * place) & 0x3f).unwrap_or_default();
            let is_said = place <= group.len();
            written.push(if is_said { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    written
}

/// Reads bytes; nothing where it is not base64. Padding may be missing.
#[must_use]
pub fn decode(written: &str) -> Option<Vec<u8>> {
    let written = written.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(written.len() / 4 * 3 + 2);
    for group in written.chunks(4) {
        let mut bits = 0_u32;
        for place in 0..4 {
            let six = match group.get(place) {
                Some(digit) => ALPHABET.iter().position(|known| known == digit)?,
                None => 0,
            };
            bits = bits << 6 | u32::try_from(six).unwrap_or_default();
        }
        // Four digits are three bytes; one digit is less than a byte.
        let [_, group_bytes @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(group_bytes.get(..group.len().checked_sub(1)?.max(1))?);
        if group.len() == 1 {
            return None;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        for (bytes, written) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), written);
            assert_eq!(decode(written).as_deref(), Some(bytes.as_bytes()), "{written}");
        }
        for nonsense in ["A", "AAAAA", "Zg=a", "Z g=", "é"] {
            assert_eq!(decode(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
