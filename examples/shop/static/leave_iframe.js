// Runs in the iframe when the issuer has finished with it: the page around it loads the next step.
top.location.replace(document.currentScript.dataset.to);
