// A hosted lander in a real Chromium: what the click says stands in the page and runs nothing, the script is in it, its
// files are loaded, and the way on to the offer works with and without scripts.
//
// usage: node hosted.mjs TRACKER_URL CHROMIUM CERT KEY KEY_HASH
// Prints a JSON object: what was seen.

import { browserOf, town, until } from './town.mjs';

const [tracker, executablePath, cert, key, keyHash] = process.argv.slice(2);
const sites = await town({ tracker, cert, key, pages: {} });
const { browser, visitor } = await browserOf(executablePath, sites.port, keyHash);
const HOSTILE = `"'><script>window.harm=1</script><img src=x onerror=window.harm=1>\\';window.harm=1;//`;
const link = `https://t.shop.test/c/quiz?sub1=${encodeURIComponent(HOSTILE)}&sub2=${encodeURIComponent('javascript:window.harm=1')}`;

try {
  const context = await visitor();
  const errors = [];
  context.on('page', (page) => page.on('pageerror', (error) => errors.push(String(error))));
  const page = await context.newPage();
  await page.goto(link);
  const id = await until('the click id', () => page.evaluate(() => window.clicktrail && window.clicktrail.id()));
  const shown = await page.evaluate(() => ({
    url: location.pathname,
    text: document.getElementById('text').textContent,
    attribute: document.getElementById('text').dataset.sub,
    string: window.sub,
    address: document.getElementById('address').getAttribute('href'),
    code: window.code,
    color: getComputedStyle(document.getElementById('text')).color,
    picture: document.images[0].naturalWidth,
    scripts: [...document.scripts].filter((script) => script.src).map((script) => script.src),
  }));
  await page.click('#address');
  await until('the address to lead nowhere else', () => page.url().startsWith('https://t.shop.test/l/quiz/'));
  await page.goBack({ waitUntil: 'commit' });
  await page.click('#second');
  await page.waitForURL('**/l/quiz/second.html');
  const second = await until('its click id', () => page.evaluate(() => window.clicktrail && window.clicktrail.id()));
  await page.click('#out');
  await page.waitForURL('https://offer.test/buy**');
  const offer = new URL(page.url()).searchParams.get('s');
  await page.goBack({ waitUntil: 'commit' });
  const harm = await page.evaluate(() => window.harm);

  const quiet = await browser.newContext({ javaScriptEnabled: false, userAgent: await page.evaluate(() => navigator.userAgent) });
  const plain = await quiet.newPage();
  await plain.goto('https://t.shop.test/c/quiz?sub1=quiet');
  await plain.click('#out');
  await plain.waitForURL('https://offer.test/buy**');
  const quietly = new URL(plain.url()).searchParams.get('s');
  console.log(JSON.stringify({ hostile: HOSTILE, id, second, offer, quietly, shown, harm: harm ?? null, errors }));
} finally {
  await browser.close();
  sites.close();
}
