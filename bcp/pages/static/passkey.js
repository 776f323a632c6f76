// Passkeys: the only script of ours. Without it, password and code still work.
"use strict";
(function () {
  const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const say = (t) => { const p = document.getElementById("passkey-said"); if (p) { p.textContent = t; } };
  async function post(url, data) {
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) });
    const body = await answer.json();
    if (!answer.ok) { throw new Error(body.error || "refused"); }
    return body;
  }
  async function register(form) {
    const csrf = form.dataset.csrf;
    const options = await post("/account/passkey/begin", { csrf });
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    (options.excludeCredentials || []).forEach((c) => { c.id = bytes(c.id); });
    const made = await navigator.credentials.create({ publicKey: options });
    await post("/account/passkey/finish", {
      csrf, label: form.label.value,
      credential: { id: made.id, rawId: text(made.rawId), type: made.type, response: {
        clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject) } },
    });
    location.reload();
  }
  async function login() {
    const options = await post("/login/passkey/begin", {});
    options.challenge = bytes(options.challenge);
    (options.allowCredentials || []).forEach((c) => { c.id = bytes(c.id); });
    const got = await navigator.credentials.get({ publicKey: options });
    const r = got.response;
    const done = await post("/login/passkey/finish", { next: document.body.dataset.next || "/", credential: { id: got.id, rawId: text(got.rawId), type: got.type, response: {
      clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature),
      userHandle: r.userHandle ? text(r.userHandle) : null } } });
    location.assign(done.next);
  }
  const add = document.getElementById("passkey-add");
  if (add) { add.addEventListener("submit", (e) => { e.preventDefault(); register(add).catch((x) => say(String(x.message || x))); }); }
  const enter = document.getElementById("passkey-login");
  if (enter) { enter.addEventListener("click", () => { login().catch((x) => say(String(x.message || x))); }); }
})();
