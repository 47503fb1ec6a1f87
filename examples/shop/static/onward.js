// Runs in the iframe once the issuer is done with it: the page around it goes on.
top.location.replace(document.currentScript.dataset.to);
