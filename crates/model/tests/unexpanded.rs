//! Every macro of every built-in template is recognised when it was left unexpanded, and values are not.

use model::builtin::{NetworkTemplate, SourceTemplate, Templates};
use model::params::{decode, encode};
use model::unexpanded::{is_macro, is_unexpanded};
use std::collections::BTreeSet;

/// The macros of all templates, each with the slug of one that has it.
fn macros<'t>(templates: &'t Templates) -> BTreeSet<(&'t str, &'t str)> {
    let of_source = |t: &'t SourceTemplate| {
        let params = t.params.iter().map(|param| param.r#macro.as_str());
        let others = [&t.click_id_macro, &t.cost_macro].into_iter().flatten().map(String::as_str);
        params.chain(others).map(|text| (text, t.slug.as_str()))
    };
    let of_network =
        |t: &'t NetworkTemplate| t.macros.values().map(|text| (text.as_str(), t.slug.as_str()));
    let sources = templates.sources().iter().flat_map(of_source);
    sources.chain(templates.networks().iter().flat_map(of_network)).collect()
}

#[test]
fn every_macro_of_every_template_is_recognised_as_it_stands_and_encoded() {
    let templates = Templates::load().unwrap();
    let macros = macros(&templates);
    let missed: Vec<_> = macros
        .iter()
        .filter(|(text, _)| {
            let encoded = encode(text);
            // A `#` ends a query, so it never arrives as it stands.
            let as_it_stands = text.contains('#') || is_unexpanded(text, decode(text).trim());
            !(is_macro(text) && as_it_stands && is_unexpanded(&encoded, &decode(&encoded)))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    let texts: BTreeSet<_> = macros.iter().map(|(text, _)| text).collect();
    assert!(texts.len() > 200, "{}", texts.len());
    println!("result: {} macros of templates, all recognised when left unexpanded", texts.len());
}

#[test]
fn values_that_people_and_platforms_send_are_kept() {
    let values: BTreeSet<_> = VALUES.iter().flat_map(|(_, values)| values.iter()).collect();
    assert_eq!(values.len(), VALUES.iter().map(|(_, values)| values.len()).sum::<usize>());
    assert!(values.len() >= 200, "{}", values.len());
    let wrong: Vec<_> = values
        .iter()
        .filter(|value| {
            let encoded = encode(value);
            is_macro(value)
                || is_unexpanded(value, &decode(value))
                || is_unexpanded(&encoded, &decode(&encoded))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("result: {} realistic values, none taken for a macro", values.len());
}

/// Made-up values of the kinds that arrive in links and postbacks.
#[rustfmt::skip]
const VALUES: &[(&str, &[&str])] = &[
    ("numbers and ids", &[
        "0", "1", "-1", "42", "007", "4711", "120215337651230184", "23851234567890123", "1e5", "+1", "#1", "#42", "No. 7",
        "zone-4711", "zone_4711", "pub:1234", "site/77", "a1b2c3", "A-1", "x", "_", "__", "___", "_x", "x_", "__x", "x__",
        "_private_", "id=5", "5|6|7", "5,6,7", "5;6", "12:34", "act_1234567890", "kwd-305641920", "aud-1:kwd-2",
    ]),
    ("prices", &[
        "0.12", "0,12", "$5", "$0.50", "5$", "5 $", "$5.00 USD", "€1,50", "1.234,56", "1,234.56", "50%", "100%", "-3.5", "(5.00)",
        "(1)", "USD", "0.000012", "1.5e-3", "%", "%%", "%5", "$", "$$", "$1$", "$12.5$",
    ]),
    ("names people give", &[
        "Spring Sale", "spring-sale", "Spring_Sale_2026", "DE | Push | iOS", "DE-Push-iOS (copy)", "(US) (mobile)", "(US) mobile",
        "[DE] Push", "[DE][iOS] Sweeps", "Sweeps [DE]", "#1 offer#", "#sale", "#sale #deal", "!important", "!!!", "Buy now!",
        "A/B test (B)", "{DE} Push {iOS}", "a{b}", "{a}b", "{a}{", "}{", "<3", "<3 you", "1 < 2 > 0", "a <b> c", "x <= y", "[red shoes]",
        "\"red shoes\"", "+red +shoes", "red shoes", "(red shoes)", "<red shoes>", "#red shoes#", "!red shoes!", "%red shoes%",
        "$red shoes$", "*", "**", "*red*", "**red**", "*|", "|*", "Ünïcode", "{Überschrift}", "[日本語]", "【限定】", "(限定)", "🔥 Deal 🔥",
        "[🔥]", "C++", "C#", "R&D", "100% free", "Top 10", "50/50", "[50% off]", "(2x)", "[4K]", "(5G)", "[320x50]", "{300x250}", "320x50",
        "[1]", "{1}", "<1>", "__1__", "{}", "{{}}", "[]", "[[]]", "()", "<>", "##", "####", "{ }", "[ ]", "{-}", "[--]", "(...)", "[...]",
    ]),
    ("words for nothing, and Google Analytics' own", &[
        "(direct)", "(none)", "(not set)", "(not provided)", "(other)", "(organic)", "(referral)", "(Direct)", "none", "null", "undefined",
        "[null]", "<null>", "{null}", "[undefined]", "<unknown>", "(unknown)", "[UNKNOWN]", "<none>", "(empty)", "[NaN]", "[true]", "N/A",
        "n/a", "(n.a.)", "-", "--", "?",
    ]),
    ("hosts and URLs", &[
        "example.com", "www.example.com", "m.example.co.uk", "xn--bcher-kva.example", "example.com:8443", "192.0.2.7", "192.0.2.0/24",
        "2001:db8::1", "[2001:db8::1]", "[fe80::1]", "[::1]", "[::ffff:192.0.2.1]", "[2001:db8::1]:443", "https://example.com/",
        "https://example.com/a?b={c}", "https://example.com/?x=[y]&z=1", "http://example.com/#top", "//cdn.example/a.js", "/a/b/c",
        "https%3A%2F%2Fexample.com%2F", "android-app://com.example.app", "com.example.app", "mobileapp::1-284882215",
        "intent://x#Intent;scheme=a;end", "mailto:a@b.example", "a@b.example", "data:text/plain,x", "https://user@example.com/{x}",
    ]),
    ("JSON and lists", &[
        "{\"a\":1}", "{\"a\":\"b\"}", "{\"campaign\":\"x\"}", "[1,2,3]", "[\"a\",\"b\"]", "[\"a\"]", "{\"a\":{\"b\":[1]}}", "[{\"a\":1}]",
        "[{}]", "{'a':'b'}", "{a=b}", "{a,b}", "[a,b]", "[a|b]", "(a,b)", "(a|b)", "<a href=\"x\">", "<!-- x -->", "<br/>", "[a](b.md",
        "a[0]", "a[b]", "a(b)", "f(x)", "${a}b", "a${b}", "$.a.b", "$a", "a$", "#a", "a#", "%a", "a%",
    ]),
    ("UUIDs, hashes and times", &[
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
        "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}", "{a81d4fae-7dec-11d0-a765-00a0c91e6bf6}", "00000000-0000-0000-0000-000000000000",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "d41d8cd98f00b204e9800998ecf8427e", "{d41d8cd98f00b204e9800998ecf8427e}",
        "[da39a3ee5e6b4b0d3255bfef95601890afd80709]", "2026-11-22", "2026-11-22T10:00:00Z", "[2026-11-22T10:00:00Z]", "22.11.2026",
        "10:30", "[10:30]", "(10:30 pm)", "1795305600", "1795305600000", "Mon, 22 Nov 2026", "+02:00", "[22/Nov/2026:10:00:00 +0000]",
    ]),
    ("ids of clicks", &[
        "ct_0123456789abcdefghjkmnpqrs", "Cj0KCQiA-aK8BhCDARIsAL_-H9k", "EAIaIQobChMI", "IwAR2xYzAbC_-dEfGh", "E.C.P.CqEBx_-9",
        "23opevjt88psuo13lu8d020qkn", "fb.1.1795305600000.IwAR2xY", "GiDd-_aB==", "w3f8x!k2", "dj0yLTAtMSZp", "0x1f4e", "a.b.c.d.e",
        "_gl=1*abc*_ga*MTIz", "1*abc*_ga", "v1|abc|def", "abc~def~ghi", "abc!def!ghi",
    ]),
    ("base64 and percent-encoded text", &[
        "aGVsbG8gd29ybGQ=", "aGVsbG8gd29ybGQ", "eyJhIjoxfQ==", "-_-_aGVsbG8", "_-8Abc_-", "__-8Abc", "a+b/c==", "/9j/4AAQSkZJRg==",
        "%7B%22a%22%3A1%7D", "Spring%20Sale", "Spring+Sale", "%C3%84pfel", "100%25", "%25", "%20", "%2520", "a%26b%3Dc", "%E2%82%AC5",
        "caf%C3%A9%20(DE)", "%5Bred%20shoes%5D", "%28direct%29", "%00", "%zz", "%u00e4", "%41%42",
    ]),
    ("sizes, devices, languages, user agents", &[
        "iPhone16,2", "SM-S918B/DS", "Windows NT 10.0; Win64; x64", "(Linux; Android 15)", "(KHTML, like Gecko)", "en-US", "de_DE", "zh-Hans-CN",
        "en-US,en;q=0.9", "Mozilla/5.0 (X11; Linux x86_64)", "T-Mobile (DE)", "AT&T", "O2 [UK] Ltd.", "<unknown ssid>", "1080x2400@3", "4.5\"",
    ]),
];
