(function () {
  var script = document.currentScript;
  if (!script) return;
  var own = new URL(script.src), page = new URLSearchParams(location.search);
  var ids = ["clickid", "click_id", "cid", "subid", "sub_id", "gclid", "gbraid", "wbraid", "fbclid", "ttclid", "msclkid"];
  ids.forEach(function (name) {
    if (page.get(name) && !own.searchParams.has(name)) own.searchParams.set(name, page.get(name));
  });
  Object.keys(script.dataset).forEach(function (name) {
    own.searchParams.set(name.replace(/[A-Z]/g, function (c) { return "_" + c.toLowerCase(); }), script.dataset[name]);
  });
  own.pathname = "/pixel.gif";
  new Image().src = own.href;
})();
