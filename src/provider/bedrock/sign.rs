//! Amazon's Signature Version 4: proof in a request's headers that its sender knows a secret key.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt;

use ring::hmac;
use sha2::{Digest, Sha256};

use crate::provider::wording::percent_encoded;

/// The one way to sign that is used.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The end of every scope.
const SCOPE_END: &str = "aws4_request";
/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Who signs.
#[derive(Clone, Copy)]
pub struct AwsCredentials<'a> {
    /// The name of the key, such as `AKIA…`.
    pub access_key: &'a str,
    /// The key.
    pub secret_key: &'a str,
    /// What proves that a key of short life is valid.
    pub session_token: Option<&'a str>,
}

impl fmt::Debug for AwsCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").finish_non_exhaustive()
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct AwsRequest<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// With scheme and host, its path encoded as it will be sent.
    pub url: &'a str,
    /// That are to be signed as well, beside host, moment and token.
    pub headers: &'a [(&'a str, &'a str)],
    /// All of it.
    pub body: &'a [u8],
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// Such as `bedrock`.
    pub service: &'a str,
}

/// The headers that a request must have to be accepted: `x-amz-date`, `authorization`, and `x-amz-security-token` for keys of short life.
/// `now` is in seconds since 1970; the proof holds for five minutes.
#[must_use]
pub fn signed_headers(
    request: &AwsRequest<'_>,
    credentials: AwsCredentials<'_>,
    now: u64,
) -> Vec<(&'static str, String)> {
    let (moment, day) = moment(now);
    let place = Place::of(request.url);
    let mut headers: Vec<(String, String)> =
        vec![("host".to_owned(), place.host), ("x-amz-date".to_owned(), moment.clone())];
    let token = credentials.session_token;
    headers.extend(token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
    let others = request.headers.iter();
    headers.extend(others.map(|(name, value)| (name.to_ascii_lowercase(), single_spaced(value))));
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        place.path,
        place.query,
        hex(&Sha256::digest(request.body)),
    );
    let scope = format!("{day}/{}/{}/{SCOPE_END}", request.region, request.service);
    let to_sign =
        format!("{ALGORITHM}\n{moment}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let secret = format!("AWS4{}", credentials.secret_key).into_bytes();
    let steps = [&day, request.region, request.service, SCOPE_END, &to_sign];
    let signature = steps.into_iter().fold(secret, |key, step| mac(&key, step));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}",
        credentials.access_key,
        hex(&signature),
    );
    let mut proof = vec![("x-amz-date", moment), ("authorization", authorization)];
    proof.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
    proof
}

/// Where a request goes, as it is signed.
struct Place {
    host: String,
    path: String,
    query: String,
}

impl Place {
    fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if scheme == "http" { ":80" } else { ":443" };
        let mut pairs: Vec<String> =
            query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        pairs.sort();
        Self {
            host: host.strip_suffix(usual).unwrap_or(host).to_owned(),
            // What was encoded for its way is encoded once more, everywhere but at S3.
            path: format!("/{}", percent_encoded(path, b"/")),
            query: pairs.join("&"),
        }
    }
}

/// `name=value`, also where the value is missing.
fn pair(written: &str) -> String {
    let (name, value) = written.split_once('=').unwrap_or((written, ""));
    format!("{}={}", percent_encoded(name, b"%"), percent_encoded(value, b"%"))
}

fn single_spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<&str>>().join(" ")
}

fn mac(key: &[u8], step: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), step.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A moment and its day, as `20150830T123600Z` and `20150830`.
fn moment(now: u64) -> (String, String) {
    let (year, month, day) = date(now / DAY);
    let of_day = now % DAY;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let day = format!("{year:04}{month:02}{day:02}");
    (format!("{day}T{hour:02}{minute:02}{second:02}Z"), day)
}

/// Year, month and day of so many days after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the day that
/// not every year has comes last, and in spans of 400 years, which are all alike.
fn date(days: u64) -> (u64, u64, u64) {
    const SPAN: u64 = 146_097;
    let since = days + 719_468;
    let (span, of_span) = (since / SPAN, since % SPAN);
    let of_years = (of_span - of_span / 1_460 + of_span / 36_524 - of_span / 146_096) / 365;
    let of_year = of_span - (365 * of_years + of_years / 4 - of_years / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (span * 400 + of_years + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30 12:36:00, the moment of Amazon's published test suite.
    const NOW: u64 = 1_440_938_160;

    fn credentials(session_token: Option<&str>) -> AwsCredentials<'_> {
        AwsCredentials {
            access_key: "AKIDEXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session_token,
        }
    }

    fn signed(method: &str, path: &str, token: Option<&str>) -> Vec<(&'static str, String)> {
        let url = format!("https://example.amazonaws.com{path}");
        let request = AwsRequest {
            method,
            url: &url,
            headers: &[],
            body: b"",
            region: "us-east-1",
            service: "service",
        };
        signed_headers(&request, credentials(token), NOW)
    }

    #[test]
    fn the_published_vectors_are_reproduced() {
        let unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (method, path, signature) in [
            ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("GET", unreserved, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
            (
                "GET",
                "/example space/",
                "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            ),
            ("GET", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ] {
            let scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
            );
            let expected =
                [("x-amz-date", "20150830T123600Z".to_owned()), ("authorization", authorization)];
            assert_eq!(signed(method, path, None), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_key_of_short_life_brings_its_token() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let proof = signed("GET", "/", Some(token));
        assert!(proof.contains(&("x-amz-security-token", token.to_owned())));
        let authorization = &proof[1].1;
        assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
        assert!(authorization.ends_with(
            "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        ));
    }

    #[test]
    fn places_are_encoded_once_more() {
        let place = Place::of("https://a.amazonaws.com:443/model/v1%3A0/converse?a=1&b");
        assert_eq!(place.host, "a.amazonaws.com");
        assert_eq!(place.path, "/model/v1%253A0/converse");
        assert_eq!(place.query, "a=1&b=");
        assert_eq!(Place::of("http://127.0.0.1:8080").host, "127.0.0.1:8080");
    }

    #[test]
    fn every_part_of_a_request_is_signed() {
        let request = AwsRequest {
            method: "POST",
            url: "https://example.amazonaws.com/",
            headers: &[("Content-Type", "application/json")],
            body: b"{}",
            region: "us-east-1",
            service: "bedrock",
        };
        let proof =
            |signed: AwsRequest<'_>| signed_headers(&signed, credentials(None), NOW)[1].1.clone();
        let whole = proof(request);
        assert!(whole.contains("SignedHeaders=content-type;host;x-amz-date,"));
        for other in [
            AwsRequest { body: b"[]", ..request },
            AwsRequest { region: "eu-west-1", ..request },
            AwsRequest { headers: &[("Content-Type", "text/plain")], ..request },
            AwsRequest { url: "https://example.amazonaws.com/a", ..request },
        ] {
            assert_ne!(proof(other), whole, "{other:?}");
        }
    }

    #[test]
    fn moments_are_dates() {
        for (now, expected) in [
            (0, "19700101T000000Z"),
            (NOW, "20150830T123600Z"),
            (1_709_164_800, "20240229T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(moment(now).0, expected);
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", credentials(Some("token")));
        assert!(!shown.contains("wJalr") && !shown.contains("token"), "{shown}");
    }
}
