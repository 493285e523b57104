// Direct tracking: tells the tracker that somebody landed, keeps the click id with the site, and puts it into links and
// forms. The same bytes for every site; what differs stands in the tag's data- attributes. docs/guide/direct-tracking.md
(function (w, d) {
  "use strict";
  var tag = d.currentScript || d.querySelector("script[data-campaign][src*='t.js']");
  var queue = w.clicktrail;
  if (!tag || (queue && queue.id)) return;

  var set = tag.dataset;
  var campaign = set.campaign;
  var base = set.tracker || tag.src.replace(/[^/]*$/, "");
  if (base.slice(-1) !== "/") base += "/";
  var param = set.param || "clickid";
  var offerParam = set.offerParam || param;
  var offers = words(set.offers);
  var asks = set.consent === "required" || set.consent === "google";
  var choice = asks ? "unknown" : "";
  var kept = "ct_d";
  var id = "", visitor = "", waiting = [], sought = {};

  function words(text) {
    return (text || "").split(/[\s,]+/).filter(Boolean);
  }

  function random() {
    var bytes = w.crypto.getRandomValues(new Uint8Array(12)), text = "";
    for (var i = 0; i < 12; i++) text += (bytes[i] & 63).toString(36);
    return text;
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
    var found = /(?:^|; )ct_d=([^;]*)/.exec(attempt(function () { return d.cookie; }, ""));
    return found ? found[1] : "";
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

  function keep(query, byHttp) {
    if (!id || !mayKeep()) return;
    attempt(function () {
      var all = stored();
      all[campaign] = { i: id, s: query, v: visitor };
      w.localStorage.setItem(kept, JSON.stringify(all));
    });
    if (!byHttp && cookie() !== id) setCookie(id, 7776000);
  }

  function forget() {
    attempt(function () { w.localStorage.removeItem(kept); });
    setCookie("", 0);
  }

  // A landing is known by its query: a reload has the same one, another ad click another.
  function signature(params) {
    var hash = 5381, text = "";
    params.forEach(function (value, name) { if (name !== param) text += name + "=" + value + "&"; });
    for (var i = 0; i < text.length; i++) hash = (hash * 33 ^ text.charCodeAt(i)) >>> 0;
    return text && hash.toString(36);
  }

  function body(values) {
    var form = new URLSearchParams();
    Object.keys(values).forEach(function (name) {
      if (values[name] != null && values[name] !== "") form.append(name, values[name]);
    });
    return form;
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
        know(told.click_id, query, told.kept);
      });
    }).catch(function () {
      if (tries) return new Promise(function (again) {
        setTimeout(function () { again(land(query, number, tries - 1)); }, 6000 / tries);
      });
    });
  }

  function know(found, query, byHttp) {
    id = found;
    keep(query, byHttp);
    attempt(function () { d.querySelectorAll(marked()).forEach(mark); });
    attempt(function () { fill(d); });
    waiting.splice(0).forEach(function (work) { attempt(work); });
  }

  function begin() {
    var params = new URLSearchParams(location.search), query = signature(params);
    var carried = params.get(param) || "", all = stored(), own = all[campaign];
    if (/^\w{0,6}[0-9a-hjkmnp-tv-z]{26}$/i.test(carried)) {
      // It came through a redirect, which counted it.
      know(carried, query);
      return (own && own.i === carried) || send("view");
    }
    own = own || (Object.keys(all).length ? 0 : { i: cookie() });
    if (own) visitor = own.v || "";
    var isInside = d.referrer.indexOf(location.origin + "/") === 0;
    if (own && own.i && mayKeep() && (!query || query === own.s || isInside)) return know(own.i, own.s || query, cookie());
    // Where nothing may be kept, a page of the same site is no second landing.
    return isInside && !mayKeep() ? 0 : land(query, random(), 3);
  }

  // Of pages that open at the same time one lands, and the others find what it kept.
  function start() {
    var isBegun = 0;
    function once() { if (!isBegun++) return begin(); }
    if (!mayKeep() || !attempt(function () { return navigator.locks.request(kept + campaign, once).catch(once); })) once();
  }

  // Where a link leads: 1 on through the tracker, 2 to an offer.
  function aim(link) {
    if (link.href.indexOf(base + "click") === 0) return 1;
    return offers.some(function (host) {
      return host[0] === "*" ? link.hostname.slice(1 - host.length) === host.slice(1) : link.hostname === host;
    }) ? 2 : 0;
  }

  // Links that may lead to one of the two; a page may have hundreds of others.
  function marked() {
    return [base, base.replace(location.origin, "")].map(function (at) { return "a[href^='" + at + "click']"; }).concat(offers.map(function (host) {
      return "a[href*='" + host.replace("*", "") + "']";
    })).join();
  }

  function mark(link) {
    var to = id && link.href && aim(link);
    if (!to) return to;
    var name = to === 1 ? param : offerParam, parts = link.href.split("#");
    var has = (sought[name] = sought[name] || new RegExp("([?&]" + name + "=)([^&]*)")).exec(parts[0]);
    if (!has) parts[0] += (parts[0].indexOf("?") < 0 ? "?" : "&") + name + "=" + id;
    else if (!has[2] || /[{[]|%7b/i.test(has[2])) parts[0] = parts[0].replace(has[0], has[1] + id);
    else return to;
    link.href = parts.join("#");
    return to;
  }

  function fill(within) {
    var fields = words(set.fields || param + " click_id");
    if (id) within.querySelectorAll("input[type=hidden]").forEach(function (input) {
      if (fields.indexOf(input.name) >= 0) input.value = id;
    });
  }

  function linkOf(event) {
    return (event.composedPath ? event.composedPath() : []).filter(function (node) {
      return node.tagName === "A" && node.href;
    })[0];
  }

  // Also links that are added later, and those opened with another button: whatever is used is marked before it leads on.
  ["pointerdown", "focusin", "contextmenu", "click", "auxclick"].forEach(function (kind) {
    w.addEventListener(kind, function (event) {
      attempt(function () {
        var link = linkOf(event), to = link && mark(link);
        var isUsed = kind === "click" || (kind === "auxclick" && event.button === 1);
        if (to === 2 && isUsed) send("click", { o: link.href });
      });
    }, true);
  });
  w.addEventListener("submit", function (event) {
    attempt(function () { fill(event.target); });
  }, true);

  function consent(granted) {
    var next = granted ? "granted" : "denied";
    if (next === choice) return;
    choice = next;
    if (granted) keep(signature(new URLSearchParams(location.search)));
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
