"""The script that reads in the cardholder's browser what no HTTP header tells. Serve it as a file, or with a nonce.

It needs no permission but `script-src`, evaluates nothing and sends nothing by itself.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BROWSER_SCRIPT"]

BROWSER_SCRIPT: Final = """\
// Values for EMV 3-D Secure. threeDSBrowser() returns them; every <input name="threeds_browser"> gets them as JSON.
"use strict";
function threeDSBrowser() {
  return {
    language: navigator.language,
    colorDepth: screen.colorDepth,
    screenHeight: screen.height,
    screenWidth: screen.width,
    timezoneOffset: new Date().getTimezoneOffset(),
    javaEnabled: typeof navigator.javaEnabled === "function" && navigator.javaEnabled(),
  };
}
(function () {
  function fill() {
    document.querySelectorAll('input[name="threeds_browser"]').forEach(function (input) {
      input.value = JSON.stringify(threeDSBrowser());
    });
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", fill);
  } else {
    fill();
  }
})();
"""
"""JavaScript, ECMAScript 5. It holds no data, so it may be cached and allowed by its hash."""
