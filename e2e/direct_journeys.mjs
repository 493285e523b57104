// The journeys of direct tracking: each does what a visitor does and says what the report has to show for it.

import { RENAMED, VARIANTS } from './town.mjs';

const CLICK_ID = /^ct_[0-9a-z]{26}$/;
const one = { clicks: 1, unique_clicks: 1, lander_views: 1 };

// Of the words that lists of trackers go by, those that fit here best.
const LISTED = /\/t\.js|clicktrail|track|click|pixel|beacon|analytics|conversion|postback/;
// Parameters that browsers and extensions take out of URLs.
const STRIPPED = ['gclid', 'fbclid', 'msclkid', 'clickid'];

function check(is, what) {
  if (!is) throw new Error(what);
}

/** Takes known parameters out of every page's URL before its scripts run. */
const strip = (context) => context.addInitScript((known) => {
  const url = new URL(location.href);
  known.forEach((name) => url.searchParams.delete(name));
  if (url.href !== location.href) history.replaceState(history.state, '', url);
}, STRIPPED);

/** What a browser holds for shop.test and the tracker. */
async function held(context, page, base) {
  const cookies = await context.cookies([...new Set(['https://shop.test/', base])]);
  const shown = cookies.map(({ name, domain, httpOnly, secure, sameSite, partitionKey, expires }) =>
    ({ name, domain, httpOnly, secure, sameSite, isPartitioned: !!partitionKey, days: Math.round((expires - Date.now() / 1000) / 86400) }));
  const storage = await page.evaluate(() => localStorage.getItem('ct_d'));
  return { cookies: shown, storage };
}

/** The whole way, with the tracker in one of three places. */
const walk = (variant) => async ({ name, context, set, open, id, tag, until, tracker }) => {
  const base = VARIANTS[variant];
  set(`/${name}`, () => `${tag(name, 'data-offers="offer.test" data-offer-param="subid"', base)}
    <a id=out href="${base}click">Buy</a> <a id=straight href="https://offer.test/other?a=%20b#c">Or this</a>
    <form action="https://offer.test/form"><input type=hidden name=clickid><button>Go</button></form>`);
  const page = await open(`/${name}?zone=5&cost=0.5&gclid=G-${name}&utm_source=x`);
  const found = await id(page);
  check(CLICK_ID.test(found), found);
  const straight = await page.getAttribute('#straight', 'href');
  check(straight === `https://offer.test/other?a=%20b&subid=${found}#c`, straight);
  check((await page.inputValue('input[name=clickid]')) === found, 'the hidden field');
  // A link that comes later, opened in another tab.
  await page.evaluate((href) => {
    const link = document.createElement('a');
    Object.assign(link, { id: 'later', href, textContent: 'Later' });
    document.body.append(link);
  }, `${base}click`);
  const [tab] = await Promise.all([context.waitForEvent('page'), page.click('#later', { button: 'middle' })]);
  await tab.waitForURL('https://offer.test/buy**');
  check(new URL(tab.url()).searchParams.get('subid') === found, tab.url());
  await page.click('#out');
  await page.waitForURL('https://offer.test/buy**');
  check(new URL(page.url()).searchParams.get('subid') === found, page.url());
  await page.goBack({ waitUntil: 'commit' });
  const kept = await held(context, page, base);
  const paid = await (await fetch(`${tracker}/postback?clickid=${found}&payout=2.5&txid=${name}&wait=1`)).json();
  await until('the verdict', () => paid.result === 'accepted');
  return { id: found, kept, expected: { ...one, lander_clicks: 2, conversions: 1, cost: '0.50', revenue: '2.50' } };
};

export const journeys = {
  walk_path: walk('path'),
  walk_subdomain: walk('subdomain'),
  walk_foreign: walk('foreign'),

  async a_reload_is_no_second_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => tag(name));
    const page = await open(`/${name}?zone=1`);
    const first = await id(page);
    await page.reload();
    check((await id(page)) === first, 'another id');
    return { expected: one };
  },

  async the_way_back_is_no_second_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => `${tag(name)}<script>addEventListener('pageshow', (e) => { window.shown = (window.shown || []).concat(e.persisted); })</script>`);
    const page = await open(`/${name}?zone=1`);
    const first = await id(page);
    await page.goto('https://offer.test/elsewhere');
    await page.goBack({ waitUntil: 'commit' });
    check((await id(page)) === first, 'another id');
    return { shown: await page.evaluate(() => window.shown), expected: one };
  },

  async going_on_within_a_single_page_is_no_second_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => tag(name));
    const page = await open(`/${name}?zone=1`);
    const first = await id(page);
    await page.evaluate(() => { for (let n = 0; n < 5; n++) history.pushState({}, '', `?view=${n}`); history.back(); });
    check((await id(page)) === first, 'another id');
    return { expected: one };
  },

  async another_page_of_the_site_has_the_same_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => `${tag(name)}<a id=next href="/${name}/next?color=red">Next</a>`);
    set(`/${name}/next`, () => tag(name));
    const page = await open(`/${name}?zone=1`);
    const first = await id(page);
    await page.click('#next');
    await page.waitForURL('**/next**');
    check((await id(page)) === first, 'another id');
    return { expected: one };
  },

  async the_way_back_from_a_payment_provider_is_no_second_click({ name, api, set, open, id, tag, until, sites }) {
    await api('POST', '/conversion-types', { name: 'paid', from_page: true });
    const sold = '<script>(window.clicktrail = window.clicktrail || []).push((ct) => ct.event("paid", { value: "9.90", txid: "W-1" }));</script>';
    set(`/${name}`, () => tag(name));
    set(`/${name}/thanks`, () => tag(name, 'data-landing="no"') + sold);
    const page = await open(`/${name}?gclid=G-${name}`);
    const first = await id(page);
    await page.goto('https://offer.test/pay');
    await page.evaluate((url) => { location.href = url; }, `https://shop.test/${name}/thanks?key=wc_order_1`);
    await page.waitForURL('**/thanks**');
    check((await id(page)) === first, 'another id');
    await until('the order', () => sites.count('/e'));
    return { expected: { ...one, conversions: 1, revenue: '9.90' } };
  },

  async nobody_lands_on_a_page_that_is_no_landing({ name, set, open, tag, sites }) {
    set(`/${name}`, () => tag(name, 'data-landing="no"'));
    const page = await open(`/${name}?zone=1`);
    // The script has its turn, and gives it back when it is done.
    await page.evaluate((turn) => navigator.locks.request(turn, () => 0), `ct_d${name}`);
    check((await page.evaluate(() => window.clicktrail.id())) === '', 'an id');
    check(sites.count(`/d/${name}`) === 0, 'a landing');
    return { expected: { clicks: 0 } };
  },

  async another_ad_click_is_another_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => tag(name));
    const first = await id(await open(`/${name}?gclid=A-${name}`));
    const second = await id(await open(`/${name}?gclid=B-${name}`));
    check(first !== second, 'the same id');
    return { expected: { clicks: 2, unique_clicks: 1, lander_views: 2 } };
  },

  async three_tabs_of_one_link_are_one_click({ name, set, open, id, tag }) {
    set(`/${name}`, () => tag(name));
    const pages = await Promise.all([1, 2, 3].map(() => open(`/${name}?zone=1`)));
    const ids = await Promise.all(pages.map(id));
    check(new Set(ids).size === 1, String(ids));
    return { expected: one };
  },

  async a_page_that_is_loaded_ahead_counts_when_it_is_shown({ name, set, alone, tag, sites, until }) {
    let go;
    const told = new Promise((resolve) => { go = resolve; });
    set(`/${name}/go`, () => told.then(() => 'go'));
    set(`/${name}/ad`, () => `<a id=ad href="/${name}?zone=1">Ad</a>
      <script type=speculationrules>{"prerender":[{"source":"list","urls":["/${name}?zone=1"]}]}</script>
      <script>fetch('/${name}/go').then(() => document.getElementById('ad').click())</script>`);
    // Scripts run in their order: where the second asks for something, the first has run.
    set(`/${name}`, () => `${tag(name)}<script defer src="/${name}/ran.js"></script>`);
    set(`/${name}/ran.js`, () => ({ html: '', headers: { 'content-type': 'text/javascript' } }));
    const close = await alone(`/${name}/ad`);
    try {
      const ahead = await until('the page to be loaded ahead', () => sites.seen.find((one) => one.path === `/${name}`));
      await until('its scripts', () => sites.seen.find((one) => one.path === `/${name}/ran.js`));
      check(sites.count(`/d/${name}`) === 0, 'counted before it was shown');
      go();
      await until('the click', () => sites.count(`/d/${name}`));
      return { purpose: ahead.purpose, expected: { clicks: 1, lander_views: 1 } };
    } finally {
      await close();
    }
  },

  async who_comes_through_a_redirect_is_counted_there({ name, context, set, id, tag, sites }) {
    set(`/${name}`, () => `${tag(name)}<a id=out href="${VARIANTS.subdomain}click">Buy</a>`);
    const page = await context.newPage();
    await page.goto(`${VARIANTS.subdomain}c/${name}?zone=1`);
    const carried = new URL(page.url()).searchParams.get('clickid');
    check((await id(page)) === carried, 'another id');
    check(sites.count(`/d/${name}`) === 0, 'a second click');
    await page.reload();
    await id(page);
    await page.click('#out');
    await page.waitForURL('https://offer.test/buy**');
    return { expected: { ...one, lander_clicks: 1 } };
  },

  async nothing_is_kept_of_who_refuses({ name, context, set, open, id, tag }) {
    set(`/${name}`, () => `${tag(name, 'data-consent="required"')}<a id=next href="/${name}/next">Next</a>`);
    set(`/${name}/next`, () => tag(name, 'data-consent="required"'));
    const page = await open(`/${name}?zone=1`);
    await id(page);
    const before = await held(context, page, VARIANTS.subdomain);
    await page.evaluate(() => window.clicktrail.consent(false));
    await page.click('#next');
    await page.waitForURL('**/next');
    return { before, after: await held(context, page, VARIANTS.subdomain), expected: { clicks: 1, lander_views: 1 } };
  },

  async what_was_kept_goes_when_it_is_refused({ name, context, set, open, id, tag, until }) {
    set(`/${name}`, () => tag(name));
    const page = await open(`/${name}?zone=1`);
    await id(page);
    const before = await held(context, page, VARIANTS.subdomain);
    // A script of the page wrote one for this host alone, beside that of the site.
    await page.evaluate((value) => { document.cookie = `ct_d=${value}; path=/; secure`; }, await id(page));
    await page.evaluate(() => window.clicktrail.consent(false));
    check(!(await page.evaluate(() => document.cookie)), 'what scripts may read is gone at once');
    await until('the other cookies to go', async () => !(await held(context, page, VARIANTS.subdomain)).cookies.length);
    return { before, after: await held(context, page, VARIANTS.subdomain), expected: one };
  },

  async what_is_granted_later_is_kept_from_then_on({ name, context, set, open, id, tag, until, sites }) {
    set(`/${name}`, () => tag(name, 'data-consent="google"')
      + '<script>window.dataLayer = []; function gtag() { dataLayer.push(arguments); } gtag("consent", "default", { ad_storage: "denied" });</script>');
    const page = await open(`/${name}?zone=1`);
    const first = await id(page);
    const before = await held(context, page, VARIANTS.subdomain);
    await page.evaluate(() => window.gtag('consent', 'update', { ad_storage: 'granted' }));
    await until('the visitor cookie', async () => (await context.cookies('https://t.shop.test/')).some((c) => c.name === 'ct_v'));
    await page.reload();
    check((await id(page)) === first, 'another id');
    return { before, after: await held(context, page, VARIANTS.subdomain), expected: one };
  },

  async a_strict_policy_that_names_the_tracker_lets_it_work({ name, set, open, id, tag }) {
    const headers = { 'content-security-policy': "default-src 'none'; script-src 'nonce-abc'; connect-src https://t.shop.test" };
    set(`/${name}`, () => ({ html: tag(name, 'nonce="abc"'), headers }));
    await id(await open(`/${name}?zone=1`));
    return { expected: one };
  },

  async a_policy_that_does_not_breaks_nothing({ name, set, open, tag }) {
    const headers = { 'content-security-policy': "default-src 'none'; script-src 'nonce-abc'" };
    set(`/${name}`, () => ({ html: `${tag(name, 'nonce="abc"')}<a id=out href="https://offer.test/buy">Buy</a>`, headers }));
    const page = await open(`/${name}?zone=1`);
    await page.click('#out');
    await page.waitForURL('https://offer.test/buy');
    return { expected: { clicks: 0 } };
  },

  async a_blocked_script_breaks_nothing({ name, context, set, open, tag }) {
    await context.route('**/t.js', (route) => route.abort());
    set(`/${name}`, () => `${tag(name)}<script>(window.clicktrail = window.clicktrail || []).push(() => { window.ran = 1; })</script>
      <a id=out href="${VARIANTS.subdomain}click">Buy</a>`);
    const page = await open(`/${name}?zone=1`);
    check((await page.evaluate(() => window.ran)) === undefined, 'the script ran');
    return { expected: { clicks: 0 } };
  },

  async no_list_of_names_stops_a_path_of_the_site({ name, api, context, set, open, id, tag, sites, until }) {
    const stopped = [];
    await context.route((url) => LISTED.test(url.host + url.pathname), (route) => {
      // Lists stop what a page loads, not where its links lead.
      if (route.request().resourceType() === 'document') return route.continue();
      stopped.push(route.request().url());
      return route.abort('blockedbyclient');
    });
    await api('POST', '/conversion-types', { name: 'order', from_page: true });
    set(`/${name}`, () => `${tag(name)}
      <script src="${RENAMED}" data-campaign="${name}" data-offers="offer.test" data-offer-param="subid" data-events="scroll" defer></script>
      <script>(window.clicktrail = window.clicktrail || []).push((ct) => ct.event('order', { value: '7.25', txid: 'O-1' }));</script>
      <a id=straight href="https://offer.test/x">Straight</a> <a id=out href="${VARIANTS.path}click">Buy</a><div style="height:5000px"></div>`);
    const page = await open(`/${name}?zone=1`);
    const found = await id(page);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    const [tab] = await Promise.all([context.waitForEvent('page'), page.click('#straight', { button: 'middle' })]);
    await tab.waitForURL(`https://offer.test/x?subid=${found}`);
    await until('scroll, order and click', () => sites.seen.filter((one) => one.path === '/go/e').length >= 3);
    await page.click('#out');
    await page.waitForURL(`https://offer.test/buy?subid=${found}`);
    check(String(stopped) === `${VARIANTS.subdomain}t.js`, String(stopped));
    return { expected: { ...one, lander_clicks: 2, conversions: 1, revenue: '7.25' } };
  },

  async an_id_under_a_name_of_the_installation_is_not_stripped({ name, api, context, set, id, tag, sites }) {
    await strip(context);
    const base = VARIANTS.foreign;
    set(`/${name}`, () => `${tag(name, '', base)}<a id=out href="${base}click">Buy</a>`);
    const { name: owner, currency, time_zone, ip_privacy, click_param, attribution_window_days } = await api('GET', '/workspace');
    const settings = { name: owner, currency, time_zone, ip_privacy, attribution_window_days };
    const rename = (to) => api('PUT', '/workspace', { ...settings, click_param: to });
    await rename('ref_no');
    try {
      const page = await context.newPage();
      await page.goto(`${base}c/${name}?zone=1&gclid=G-${name}&fbclid=F-${name}`);
      const shown = new URL(page.url()).searchParams, carried = shown.get('ref_no');
      check(CLICK_ID.test(carried) && !STRIPPED.some((known) => shown.has(known)), page.url());
      check((await id(page)) === carried, 'another id');
      check(sites.count(`/d/${name}`) === 1, 'the script does not know the name, the tracker does');
      await context.clearCookies();
      await page.click('#out');
      await page.waitForURL(`https://offer.test/buy?subid=${carried}`);
    } finally {
      await rename(click_param);
    }
    return { expected: { ...one, lander_clicks: 1 } };
  },

  async an_id_under_a_name_of_the_page_is_not_stripped({ name, context, set, open, id, tag, sites }) {
    await strip(context);
    const base = VARIANTS.foreign;
    set(`/${name}`, () => `${tag(name, 'data-param="ref_no" data-offers="shop.test"', base)}<a id=next href="https://shop.test/${name}/next">Next</a>`);
    set(`/${name}/next`, () => `${tag(name, 'data-param="ref_no"', base)}<a id=out href="${base}click">Buy</a>`);
    const page = await open(`/${name}?zone=1&gclid=G-${name}&clickid=of-somebody-else`);
    const found = await id(page);
    // As between sites of one owner: nothing but the link tells.
    await context.clearCookies();
    await page.evaluate(() => localStorage.clear());
    await page.click('#next');
    await page.waitForURL(`https://shop.test/${name}/next?ref_no=${found}`);
    check((await id(page)) === found, 'another id');
    check(sites.count(`/d/${name}`) === 1, 'a second click');
    await context.clearCookies();
    await page.click('#out');
    await page.waitForURL(`https://offer.test/buy?subid=${found}`);
    return { expected: { ...one, lander_clicks: 2 } };
  },

  async a_request_that_gets_lost_is_repeated_and_counts_once({ name, set, open, id, tag, sites }) {
    sites.losses[`/d/${name}`] = ['answer', 'request'];
    set(`/${name}`, () => tag(name));
    await id(await open(`/${name}?zone=1`));
    check(sites.count(`/d/${name}`) === 3, `${sites.count(`/d/${name}`)} tries`);
    return { expected: one };
  },

  async a_tracker_that_is_down_breaks_nothing({ name, context, set, open, tag }) {
    await context.route(`**/d/${name}`, (route) => route.abort('connectionrefused'));
    set(`/${name}`, () => `${tag(name)}<a id=out href="https://offer.test/buy">Buy</a>`);
    const page = await open(`/${name}?zone=1`);
    await page.click('#out');
    await page.waitForURL('https://offer.test/buy');
    return { expected: { clicks: 0 } };
  },

  async what_happens_on_the_page_is_reported({ name, api, set, open, id, tag, sites, until }) {
    await api('POST', '/conversion-types', { name: 'signup', from_page: true });
    set(`/${name}`, () => `${tag(name, 'data-offers="*.offer.test offer.test" data-offer-param="s1" data-events="scroll"')}
      <script>(window.clicktrail = window.clicktrail || []).push((ct) => ct.event('signup', { value: '7.25', txid: 'E-1' }));</script>
      <a id=straight href="https://www.offer.test/x">Straight</a><div style="height:5000px"></div>`);
    const page = await open(`/${name}?zone=1`);
    const found = await id(page);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await until('scroll and event', () => sites.count('/e') >= 2);
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.click('#straight');
    await page.waitForURL('https://www.offer.test/x**');
    check(new URL(page.url()).searchParams.get('s1') === found, page.url());
    return { expected: { ...one, lander_clicks: 1, conversions: 1, revenue: '7.25' } };
  },
};
