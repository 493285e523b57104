//! Pages with tokens in every place, and values that would rather be markup.

use super::*;
use html5gum::{DefaultEmitter, Token as Markup, Tokenizer};
use model::template::Token;
use proptest::prelude::*;
use std::borrow::Cow;

/// Every token has the same value.
struct Always<'a>(&'a str);

impl TokenValues for Always<'_> {
    fn value(&self, _: Token) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }
}

const HOSTILE: [&str; 16] = [
    "\"><script>alert(1)</script>",
    "';alert(1)//",
    "\\",
    "\\';alert(1)//",
    "javascript:alert(1)",
    "</title><img src=x onerror=alert(1)>",
    "--><script>alert(1)</script>",
    "\u{2028}alert(1)\u{2029}",
    "a\0b",
    "🦀",
    "&quot;&#34;",
    " onload=alert(1) ",
    "`${alert(1)}`",
    "//evil.example/x",
    "{{constructor.constructor('alert(1)')()}}",
    "",
];

fn fill(html: &str, value: &str) -> String {
    HostedPage::parse(html).fill(&Always(value), None)
}

fn with_script(html: &str) -> String {
    HostedPage::parse(html)
        .fill(&Always("x"), Some(&ScriptTag { campaign: "k1", param: Some("cid") }))
}

#[test]
fn where_a_token_stands_decides_how_its_value_is_written() {
    let value = "a b\"'<>&=`/ä€\u{2028}🦀\0\n";
    let text = "a b&#34;&#39;&#60;&#62;&#38;&#61;&#96;&#47;ä&#8364;&#8232;&#129408;&#10;";
    let attribute = "a&#32;b&#34;&#39;&#60;&#62;&#38;&#61;&#96;&#47;ä&#8364;&#8232;&#129408;&#10;";
    let address = "a%20b%22%27%3C%3E%26%3D%60%2F%C3%A4%E2%82%AC%E2%80%A8%F0%9F%A6%80%00%0A";
    let script = "a\\u0020b\\u0022\\u0027\\u003c\\u003e\\u0026\\u003d\\u0060\\u002f\\u00e4\\u20ac\\u2028\
                  \\ud83e\\udd80\\u0000\\u000a";
    for (html, expected) in [
        ("<p>1 {city} 2 < 3", text),
        ("{city}", text),
        ("<title>In {city}</title>", text),
        ("<textarea>{city}</textarea>", text),
        ("<noscript>{city}</noscript>", text),
        ("<template><p>{city}</template>", text),
        ("<p title=\"{city}\">", attribute),
        ("<p title='a {city}'>", attribute),
        ("<p title=a{city}>", attribute),
        ("<INPUT VALUE = \"{city}\">", attribute),
        ("<a href=\"{city}\">", address),
        ("<a href='https://a.example/?x={city}&y'>", address),
        ("<a HREF=/go?x={city}>", address),
        ("<img srcset='a.png?{city} 1x, b.png?{city} 2x'>", address),
        ("<noscript><img src='/p?c={city}'></noscript>", address),
        ("<div data-href='?{city}'>", address),
        ("<meta http-equiv=refresh content='0;url=/x?{city}'>", address),
        ("<meta name=description content='{city}'>", attribute),
        ("<script>var c = \"{city}\";</script>", script),
        ("<script>f('{city}')</script>", script),
        ("<script type='application/ld+json'>{\"a\":\"{city}\"}</script>", script),
        ("<SCRIPT type=module>`${a(\"{city}\")} {` / '{city}'</SCRIPT>", script),
    ] {
        assert_eq!(fill(html, value), html.replace("{city}", expected), "{html}");
        assert_eq!(HostedPage::parse(html).tokens(), ["city"], "{html}");
    }
}

#[test]
fn where_no_value_may_stand_a_token_stays_as_it_is() {
    for html in [
        // Code and styles.
        "<p onclick=\"f('{city}')\">",
        "<p ONMOUSEOVER={city}>",
        "<p style='color:{city}'>",
        "<iframe srcdoc='{city}'></iframe>",
        "<p :title=\"'{city}'\" @click='{city}' v-html='{city}' x-data='{city}' (a)='{city}'>",
        "<style>p { color: {city} }</style>",
        // Markup itself.
        "<{city}>",
        "<p {city}>",
        "<p {city}=x>",
        "<{city} a=b>",
        "</{city}>",
        "<!-- {city} -->",
        "<!-- {city}",
        "<!doctype {city}>",
        "<?{city}>",
        "&#{city};",
        "&l{city};",
        "<a title='&{city};'>",
        "<a href={city}\"/ title={city}'>",
        // Cut off by the page's end.
        "<a title='{city}",
        "<a{city}",
        // What browsers read in other ways depending on what is around it.
        "<svg><a href='{city}' title='{city}'>{city}</a><script>'{city}'</script></svg>",
        "<math><mi>{city}</mi></math>",
        "<svg><![CDATA[ {city} ]]></svg>",
        "<svg><foreignObject><style></svg>{city}</style>",
        "<svg><p><title></svg>{city}</title>",
        "<xmp>{city}</xmp>",
        "<iframe>{city}</iframe>",
        "<noembed>{city}</noembed>",
        "<noframes>{city}</noframes>",
        "<plaintext>{city}",
        "<select><title><b onclick='{city}'></b>{city}</title></select>",
        // Addresses whose scheme or host a value would decide, and code for addresses.
        "<a href='javascript:f(%22{city}%22)'>",
        "<a href=' java&Tab;script&colon;f({city})'>",
        "<a href='data:text/html,{city}'>",
        "<a href='{city}javascript:{city}'>",
        "<a href='&#123;city}{city}'>",
        "<script src='https://{city}/x.js'></script>",
        "<script src='https:{city}'></script>",
        "<script src='//{city}/x.js'></script>",
        "<script src='/\\{city}/x.js'></script>",
        "<script src='https://a.{city}'></script>",
        "<meta content='0; URL=//{city}' http-equiv=Refresh>",
        "<meta content='0; URL=javascript:f({city})' http-equiv=Refresh>",
        // Scripts: what is not a whole string.
        "<script>const {city} = x</script>",
        "<script>var a = `{city}`</script>",
        "<script>var a = 'in {city}'</script>",
        "<script>document.write('<b title=\"{city}\">')</script>",
        "<script>eval('a=\"{city}\";')</script>",
        "<script>// it's \"{city}\"\n/* \"{city}\" */</script>",
        "<script>a = /[/'\"]{city}\"/; b</script>",
        "<script>if (a) /'/.test('{city}')</script>",
        "<script><!--\n'{city}'</script>",
        "<script>`${'a'}\"{city}\"`</script>",
        // Other libraries' templates.
        "<p>{{city}} {{ '{city}' }} {{city} {city}}",
        "<p title='{{ {city} }}'>",
        // No tokens.
        "<p>{} {colour} {city:upper} { city } {city",
        "<script>{ \"a\": {\"b\": 1} }</script>",
    ] {
        assert_eq!(fill(html, "x"), html);
        assert_eq!(HostedPage::parse(html).tokens(), [""; 0], "{html}");
    }
}

#[test]
fn a_value_can_be_no_more_than_a_value() {
    for (html, value, expected) in [
        ("<a title={city} class=b>", "", "<a title=\"\" class=b>"),
        ("<a title={city}{region}>", "b", "<a title=\"bb\">"),
        ("<a href='/{city}/{region}/x'>", "", "<a href='//{region}/x'>"),
        ("<a href='{city:raw}'>", "javascript:a", "<a href='javascript%3Aa'>"),
        ("<a href='/{city:raw}'>", "/b", "<a href='/%2Fb'>"),
        ("<a href='/go/{city:raw}'>", "a/b'", "<a href='/go/a&#47;b&#39;'>"),
        (
            "<a href='https://a.example/?{sub1:raw}'>",
            "a=b",
            "<a href='https://a.example/?a&#61;b'>",
        ),
        ("<a href='tg://resolve?x={city}'>", "a b", "<a href='tg://resolve?x=a%20b'>"),
        ("<a href='{city}:{city}'>", "javascript", "<a href='{city}:javascript'>"),
        ("<a href='tel:{city}'>", "+1", "<a href='tel:%2B1'>"),
        (
            "<svg><title>a</title><style>b</style></svg>{city}",
            "y",
            "<svg><title>a</title><style>b</style></svg>y",
        ),
        (
            "<svg/>{city}<svg><svg></svg>{city}</svg>{city}",
            "y",
            "<svg/>y<svg><svg></svg>{city}</svg>y",
        ),
        ("<b>{city}</b>", "{{a}}", "<b>&#123;&#8203;&#123;a&#125;&#125;</b>"),
        ("<b>{city}{city}</b>", "{", "<b>&#123;&#8203;&#123;&#8203;</b>"),
        ("<b>{city:default(a>b)}</b>", "", "<b>a&#62;b</b>"),
        ("<b>{city:urlencode}</b>", "a b", "<b>a%20b</b>"),
        (
            "<script>x='{city:sha256}'</script>",
            "abc",
            "<script>x='ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'</script>",
        ),
        (
            "<script>(a+b)/2\n c = i++ / 2\n x='{city}'</script>",
            "y",
            "<script>(a+b)/2\n c = i++ / 2\n x='y'</script>",
        ),
        (
            "<script>return /'/g; x.return / 2; x='{city}'</script>",
            "y",
            "<script>return /'/g; x.return / 2; x='y'</script>",
        ),
        ("\r\n<p\r\n title='{city}'\r\n>\r\n{city}\r", "y", "\r\n<p\r\n title='y'\r\n>\r\ny\r"),
    ] {
        assert_eq!(fill(html, value), expected, "{html}");
    }
}

#[test]
fn tokens_are_listed_once_and_those_that_stay_apart() {
    let page = HostedPage::parse(
        "<p>{sub1} {city} {sub1:default(x)} {city}<b onclick='{country}'>{nothing}{campaign.name}",
    );
    assert_eq!(page.tokens(), ["campaign.name", "city", "sub1", "sub1:default(x)"]);
    assert_eq!(page.unfilled_tokens(), ["country"]);
}

#[test]
fn the_page_script_goes_to_the_front_of_the_head() {
    const TAG: &str =
        "<script src=\"/t.js\" data-campaign=\"k1\" data-param=\"cid\" defer></script>";
    for html in [
        "<!doctype html><!-- <head> --><html lang=de><head class=\"a>b\">|<title>a</title></head>",
        "<head><meta charset=utf-8>|<title>a</title>",
        "<head>\n<meta http-equiv=Content-Type content='text/html; charset=utf-8'>|<link>",
        "<head>|<meta name=viewport><meta charset=utf-8>",
        "<!doctype html><meta charset=utf-8>|<title>a</title>",
        "<html>|<body><head>",
        "<!-- a --><!doctype html>|<p>a",
        "|<p>a</p>",
        "|<header><head>",
        "|",
    ] {
        assert_eq!(with_script(&html.replace('|', "")), html.replace('|', TAG), "{html}");
    }
    assert_eq!(with_script("\u{feff}<html>"), format!("<html>{TAG}"));
    let tag = ScriptTag { campaign: "a\"<b", param: None };
    let page = HostedPage::parse("").fill(&Always(""), Some(&tag));
    assert_eq!(page, "<script src=\"/t.js\" data-campaign=\"a&#34;&#60;b\" defer></script>");
}

#[test]
fn a_page_with_the_page_script_gets_no_second_one() {
    for (html, has_script) in [
        ("<script src='https://go.example/t.js' defer></script>", true),
        ("<script src=/t.js?v=2#x></script>", true),
        ("<script src='t.js'></script>", true),
        ("<script src='/js/start.js'></script>", false),
        ("<!-- <script src='/t.js'></script> -->", false),
        ("<script>'<script src=/t.js>'</script>", false),
        ("<img src='/t.js'>", false),
    ] {
        assert_eq!(HostedPage::parse(html).has_script(), has_script, "{html}");
        assert_eq!(with_script(html) == html, has_script, "{html}");
    }
}

/// Tags with their attributes' names, comments and doctypes, and what of the attributes is code or leads somewhere.
/// A second opinion: it knows nothing of the reader but the tokenizer.
fn skeleton(html: &str, switches: bool) -> Vec<String> {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(switches);
    let tokens = Tokenizer::new_with_emitter(html, emitter).map(|token| token.unwrap());
    let scheme = |value: &str| {
        let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let scheme = value.split_once(':').map(|(scheme, _)| scheme.to_owned());
        let is_scheme = |s: &String| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
        scheme.filter(is_scheme).unwrap_or_default()
    };
    let mut skeleton = Vec::new();
    for token in tokens {
        match token {
            Markup::StartTag(tag) => {
                skeleton.push(format!("<{:?} {}", tag.name, tag.self_closing));
                for (name, value) in &tag.attributes {
                    let name = String::from_utf8_lossy(name).into_owned();
                    let value = String::from_utf8_lossy(value).into_owned();
                    let is_code = name.starts_with("on") || matches!(&*name, "style" | "srcdoc");
                    let part = if is_code { value } else { scheme(&value) };
                    let is_kept = is_code || matches!(&*name, "href" | "src" | "action");
                    skeleton.push(format!("{name}={}", if is_kept { part } else { String::new() }));
                }
            }
            Markup::EndTag(tag) => skeleton.push(format!("</{:?}", tag.name)),
            Markup::Comment(_) => skeleton.push("!".to_owned()),
            Markup::Doctype(doctype) => skeleton.push(format!("{doctype:?}")),
            Markup::String(_) | Markup::Error(_) => {}
        }
    }
    skeleton
}

const FRAGMENTS: [&str; 86] = [
    "{city}",
    "{sub1:raw}",
    "{sub2:default(\"x)}",
    "{click_id:urlencode}",
    "{nothing}",
    "{",
    "}",
    "{{",
    "}}",
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "--!>",
    "<!",
    "<?",
    "<![CDATA[",
    "]]>",
    "&",
    "&#",
    "&#x",
    ";",
    "&lt",
    "&quot;",
    "\"",
    "'",
    "`",
    "=",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\\",
    "/",
    "//",
    "/*",
    "*/",
    "${",
    "<p>",
    "<p ",
    "<a href=",
    "<a href=\"",
    "<a href='https://",
    "<a href=javascript:",
    " title=",
    " title='",
    "<b alt=\"",
    " onclick=\"f('",
    " onclick=",
    " style=",
    " src=\"",
    " srcdoc='",
    "<script>",
    "<script ",
    "</script>",
    "</script ",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<svg>",
    "<svg ",
    "</svg>",
    "<math><mi>",
    "<svg><p>",
    "</math>",
    "<noscript>",
    "</noscript>",
    "<select>",
    "<template>",
    "<plaintext>",
    "<xmp>",
    "</xmp>",
    "<iframe>",
    "<!doctype html>",
    "<html>",
    "<head>",
    "<meta charset=x>",
    "var a = ",
    "ä",
    "🦀",
];

fn pages() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        4 => prop::sample::select(&FRAGMENTS[..]).prop_map(str::to_owned),
        2 => Just("{city}".to_owned()),
        1 => "[ -~]{0,4}",
    ];
    prop::collection::vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => "\\PC{0,8}|[\\x00-\\x7f]{0,8}",
        1 => Just("script".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_value_changes_the_markup_of_any_page(html in pages(), value in values()) {
        let page = HostedPage::parse(&html);
        let tag = ScriptTag { campaign: "k1", param: None };
        for script in [None, Some(&tag)] {
            let (harmless, hostile) =
                (page.fill(&Always("abc"), script), page.fill(&Always(&value), script));
            for switches in [false, true] {
                prop_assert_eq!(
                    skeleton(&harmless, switches),
                    skeleton(&hostile, switches),
                    "{:?}\n{:?}", harmless, hostile
                );
            }
        }
    }

    #[test]
    fn a_page_without_tokens_comes_out_byte_for_byte(html in pages()) {
        let html = html.replace('{', "");
        prop_assert_eq!(fill(&html, "x"), html);
    }
}
