// Wherever Flower shows a job's arguments, the id of its execution leads to our page.
(function () {
  "use strict";
  const id = /'execution_id': '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'/;
  const prefix = (document.getElementById("url_prefix") || {}).value || "";

  function link(text) {
    const found = id.exec(text.data);
    if (!found || text.parentElement.closest("a, script")) return;
    const shown = text.splitText(found.index + found[0].indexOf(found[1]));
    shown.splitText(found[1].length);
    const anchor = document.createElement("a");
    anchor.href = prefix + "/execution/" + found[1];
    shown.replaceWith(anchor);
    anchor.append(shown);
  }

  function look(node) {
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    texts.forEach(link);
  }

  const main = document.getElementById("main-content");
  look(main);
  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      change.addedNodes.forEach(function (node) {
        if (node.nodeType === Node.ELEMENT_NODE) look(node);
      });
    });
  }).observe(main, { childList: true, subtree: true });
})();
