//# allFunctionsCalledOnLoad
// Direct tracking: tells the tracker that somebody landed, keeps the click id with the site, and puts it into links and
// forms. The same bytes for every site; what differs stands in the tag's data- attributes. docs/guide/direct-tracking.md
// The first line has V8 compile all of it beside the page's thread. On that thread the first use of anything is what is
// dear (storage, the cookie, a regular expression, a kind of object), so each is used late and only where nothing else does.
(function (w, d) {
  "use strict";
  var tag = d.currentScript || d.querySelector("script[data-campaign][src*='t.js']");
  var queue = w.clicktrail;
  if (!tag || !tag.dataset.campaign || (queue && queue.id)) return;

  var set = tag.dataset;
  var campaign = set.campaign;
  var base = set.tracker || tag.src.slice(0, tag.src.lastIndexOf("/"));
  if (base.slice(-1) !== "/") base += "/";
  var param = set.param || "clickid";
  var offerParam = set.offerParam || param;
  var offers = words(set.offers);
  var asks = set.consent === "required" || set.consent === "google";
  var choice = asks ? "unknown" : "";
  var kept = "ct_d";
  var id = "", visitor = "", waiting = [], sought = {};

  function words(text) {
    var list = [], word = "";
    for (var letter of (text || "") + " ") {
      if (letter > " " && letter !== ",") word += letter;
      else if (word) { list.push(word); word = ""; }
    }
    return list;
  }

  function random() {
    return (Math.random().toString(36) + Math.random().toString(36)).split("0.").join("");
  }

  // What a browser forbids is done without.
  function attempt(work, otherwise) {
    try { return work(); } catch (e) { return otherwise; }
  }

  function mayKeep() {
    return choice === "" || choice === "granted";
  }

  // By campaign: i the id, s the query it was given for, v the visitor.
  function stored() {
    return attempt(function () { return JSON.parse(w.localStorage.getItem(kept)) || {}; }, {});
  }

  function cookie() {
    var found = ("; " + attempt(function () { return d.cookie; }, "")).split("; " + kept + "=")[1];
    return found ? found.split(";")[0] : "";
  }

  // The widest domain that a browser lets a page set a cookie for is the registrable one.
  function setCookie(value, seconds) {
    var parts = location.hostname.split("."), text = kept + "=" + value + "; path=/; samesite=lax; max-age=" + seconds;
    if (location.protocol === "https:") text += "; secure";
    attempt(function () {
      for (var n = parts.length - 1; n >= 0; n--) {
        d.cookie = text + (n ? "; domain=" + parts.slice(n - 1).join(".") : "");
        if (cookie() === value) return;
      }
    });
  }

  function keep(query, byHttp, isNew) {
    if (!id || !mayKeep()) return;
    attempt(function () {
      var all = stored();
      all[campaign] = { i: id, s: query, v: visitor };
      w.localStorage.setItem(kept, JSON.stringify(all));
    });
    if (!byHttp && (isNew || cookie() !== id)) setCookie(id, 7776000);
  }

  function forget() {
    attempt(function () { w.localStorage.removeItem(kept); });
    setCookie("", 0);
  }

  // The page's query: q by what a landing is known (a reload has the same, another ad click another), i the id in it.
  function asked() {
    var own = param + "=", hash = 5381, text = "", carried = "";
    location.search.slice(1).split("&").forEach(function (part) {
      if (part.indexOf(own) === 0) carried = carried || part.slice(own.length);
      else if (part) text += part + "&";
    });
    for (var i = 0; i < text.length; i++) hash = (hash * 33 ^ text.charCodeAt(i)) >>> 0;
    return { q: text && hash.toString(36), i: carried };
  }

  // As text, which goes to another site without a preflight, as a form does.
  function body(values) {
    return Object.keys(values).filter(function (name) {
      return values[name] != null && values[name] !== "";
    }).map(function (name) {
      return name + "=" + attempt(function () { return encodeURIComponent(values[name]); }, "");
    }).join("&");
  }

  function send(event, values) {
    if (!id) return waiting.push(function () { send(event, values); });
    values = Object.assign({ id: id, e: event, n: random(), u: location.href }, values);
    var form = body(values);
    if (!attempt(function () { return navigator.sendBeacon(base + "e", form); })) {
      attempt(function () {
        fetch(base + "e", { method: "POST", body: form, keepalive: true, credentials: "include" }).catch(function () {});
      });
    }
  }

  // The same number again is the same landing, so a request that got lost may be repeated.
  function land(query, number, tries) {
    var form = body({ u: location.href, r: d.referrer, n: number, v: visitor, c: choice });
    return fetch(base + "d/" + encodeURIComponent(campaign), {
      method: "POST", body: form, keepalive: true, credentials: "include"
    }).then(function (answer) {
      if (answer.status >= 500) throw answer;
      return answer.ok && answer.json().then(function (told) {
        visitor = told.visitor || "";
        param = set.param || told.param || param;
        offerParam = set.offerParam || param;
        know(told.click_id, query, told.kept, true);
      });
    }).catch(function () {
      if (tries) return new Promise(function (again) {
        setTimeout(function () { again(land(query, number, tries - 1)); }, 6000 / tries);
      });
    });
  }

  function know(found, query, byHttp, isNew) {
    id = found;
    keep(query, byHttp, isNew);
    attempt(function () { d.querySelectorAll(marked()).forEach(mark); });
    attempt(function () { fill(d); });
    waiting.splice(0).forEach(function (work) { attempt(work); });
  }

  function begin() {
    var page = asked(), query = page.q, all = stored(), own = all[campaign];
    if (page.i && /^\w{0,6}[0-9a-hjkmnp-tv-z]{26}$/i.test(page.i)) {
      // It came through a redirect, which counted it.
      know(page.i, query);
      return (own && own.i === page.i) || send("view");
    }
    // A page that a payment provider sends back to is no landing, whatever query it sends along.
    var isLanding = set.landing !== "no", isInside = !isLanding || d.referrer.indexOf(location.origin + "/") === 0;
    // The cookie knows no query, and speaks where there is none to know, or where the visitor was here already.
    if (!own && (!query || isInside) && !Object.keys(all).length) own = { i: cookie() };
    if (own) visitor = own.v || "";
    if (own && own.i && mayKeep() && (!query || query === own.s || isInside)) return know(own.i, own.s || query, cookie());
    // Where nothing may be kept, a page of the same site is no second landing.
    return !isLanding || (isInside && !mayKeep()) ? 0 : land(query, random(), 3);
  }

  // Of pages that open at the same time one lands, and the others find what it kept.
  function start() {
    var isBegun = 0;
    function once() { if (!isBegun++) return begin(); }
    function locked() { return navigator.locks.request(kept + campaign, once).catch(once); }
    if (!mayKeep() || !navigator.locks || !attempt(locked)) once();
  }

  // Where a link leads: 1 on through the tracker, 2 to an offer.
  function aim(link, href) {
    if (href.indexOf(base + "click") === 0) return 1;
    var to = link.hostname;
    return offers.some(function (host) {
      return host[0] === "*" ? to.slice(1 - host.length) === host.slice(1) : to === host;
    }) ? 2 : 0;
  }

  // Links that may lead to one of the two; a page may have hundreds of others.
  function marked() {
    return [base, base.replace(location.origin, "")].map(function (at) { return "a[href^='" + at + "click']"; }).concat(offers.map(function (host) {
      return "a[href*='" + host.replace("*", "") + "']";
    })).join();
  }

  function mark(link) {
    var href = link.href, to = id && href && aim(link, href);
    if (!to) return to;
    var name = (to === 1 ? param : offerParam) + "=", parts = href.split("#"), has;
    if (parts[0].indexOf(name) > 0) {
      has = (sought[name] = sought[name] || new RegExp("([?&]" + name + ")([^&]*)")).exec(parts[0]);
    }
    if (!has) parts[0] += (parts[0].indexOf("?") < 0 ? "?" : "&") + name + id;
    else if (!has[2] || /[{[]|%7b/i.test(has[2])) parts[0] = parts[0].replace(has[0], has[1] + id);
    else return to;
    link.href = parts.join("#");
    return to;
  }

  function fill(within) {
    if (id) within.querySelectorAll(words(set.fields || param + " click_id").map(function (name) {
      return "input[type=hidden][name='" + name + "']";
    }).join()).forEach(function (input) { input.value = id; });
  }

  function linkOf(event) {
    return (event.composedPath ? event.composedPath() : []).filter(function (node) {
      return node.tagName === "A" && node.href;
    })[0];
  }

  // Also links that are added later, and those opened with another button: whatever is used is marked before it leads on.
  function use(event) {
    attempt(function () {
      var link = linkOf(event), to = link && mark(link), kind = event.type;
      if (to === 2 && (kind === "click" || (kind === "auxclick" && event.button === 1))) send("click", { o: link.href });
    });
  }
  ["pointerdown", "focusin", "contextmenu", "click", "auxclick"].forEach(function (kind) { w.addEventListener(kind, use, true); });
  w.addEventListener("submit", function (event) {
    attempt(function () { fill(event.target); });
  }, true);

  function consent(granted) {
    var next = granted ? "granted" : "denied";
    if (next === choice) return;
    choice = next;
    if (granted) keep(asked().q);
    else forget();
    send("consent", { c: next });
  }

  // gtag("consent", "default" | "update", {ad_storage: …}), those before and those to come.
  function listen(entry) {
    var says = entry && entry[0] === "consent" && entry[2] && entry[2].ad_storage;
    if (says === "granted" || (says === "denied" && entry[1] === "update")) consent(says === "granted");
    return entry;
  }

  function follow() {
    var layer = w.dataLayer = w.dataLayer || [], push = layer.push;
    layer.forEach(listen);
    layer.push = function () {
      [].forEach.call(arguments, function (entry) { attempt(function () { listen(entry); }); });
      return push.apply(layer, arguments);
    };
  }

  function measure() {
    var what = words(set.events), deepest = 0;
    if (what.indexOf("scroll") >= 0) w.addEventListener("scroll", function () {
      var all = d.documentElement.scrollHeight - w.innerHeight, part = all > 0 ? w.pageYOffset / all : 1;
      var depth = Math.floor(part * 4) * 25;
      if (depth > deepest) send("scroll", { val: deepest = depth });
    }, { passive: true });
    if (what.indexOf("time") >= 0) [10, 30, 60, 180].forEach(function (seconds) {
      setTimeout(function () { send("time", { val: seconds }); }, seconds * 1000);
    });
  }

  w.clicktrail = {
    id: function () { return id; },
    ready: function (work) { id ? attempt(function () { work(id); }) : waiting.push(function () { work(id); }); },
    consent: consent,
    event: function (name, more) {
      more = more || {};
      send(name, { val: more.value, cur: more.currency, tx: more.txid, n: more.id });
    },
    push: function (work) { attempt(function () { work(w.clicktrail); }); }
  };
  if (asks && (stored()[campaign] || cookie())) choice = "granted";
  if (set.consent === "google") attempt(follow);
  if (Array.isArray(queue)) queue.forEach(w.clicktrail.push);
  attempt(measure);
  if (d.prerendering) d.addEventListener("prerenderingchange", start, { once: true });
  else start();
})(window, document);
