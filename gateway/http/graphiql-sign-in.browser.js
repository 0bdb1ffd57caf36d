// Signs people in to GraphiQL at the server's issuer: the authorization code flow (RFC 6749, section 4.1) with PKCE (RFC 7636),
// by redirecting the page. It comes before GraphiQL's own script, and gives what that asks of this server the access token. Tokens
// are kept for this tab alone (`sessionStorage`), and leave it for this server and the issuer only.
(() => {
  const { signIn } = JSON.parse(document.getElementById('graphiql-options').textContent);
  const PENDING = 'tributary:sign-in';
  const TOKENS = 'tributary:tokens';
  const STAYED_OUT = 'tributary:signed-out';
  /** How long before its end a token is renewed, in milliseconds. */
  const EARLY_MS = 30_000;
  const here = `${location.origin}${location.pathname}`;
  const plainFetch = window.fetch.bind(window);

  const kept = (name) => JSON.parse(sessionStorage.getItem(name));
  const keep = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));
  const forget = (name) => sessionStorage.removeItem(name);

  const base64url = (bytes) =>
    btoa(String.fromCharCode(...bytes))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');
  const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
  const challengeOf = async (verifier) =>
    base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));

  /** Leaves for the issuer. */
  async function begin() {
    if (crypto.subtle === undefined) throw new Error('Browsers sign in over https (or on localhost) only.');
    if (signIn.authorizationEndpoint === undefined)
      throw new Error('The identity provider cannot be reached; reload later.');
    const pending = { state: random(), verifier: random(), search: location.search };
    keep(PENDING, pending);
    forget(STAYED_OUT);
    const url = new URL(signIn.authorizationEndpoint);
    const parameters = {
      ...signIn.parameters,
      response_type: 'code',
      client_id: signIn.clientId,
      redirect_uri: here,
      state: pending.state,
      code_challenge: await challengeOf(pending.verifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    location.assign(url);
    await new Promise(() => undefined); // The page is being left.
  }

  /** Asks the issuer for tokens, and keeps them. */
  async function ask(form) {
    const { resource } = signIn.parameters;
    const response = await plainFetch(signIn.tokenEndpoint, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({
        ...form,
        client_id: signIn.clientId,
        ...(resource === undefined ? {} : { resource }),
      }),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok || typeof answer.access_token !== 'string')
      throw new Error(
        `The identity provider gave no token: ${answer.error_description ?? answer.error ?? response.status}.`,
      );
    keep(TOKENS, {
      access: answer.access_token,
      refresh: answer.refresh_token ?? form.refresh_token,
      until: Date.now() + Number(answer.expires_in ?? 3_600) * 1_000,
    });
  }

  /** Comes back from the issuer. */
  async function finish(answer) {
    const pending = kept(PENDING);
    forget(PENDING);
    history.replaceState(null, '', `${location.pathname}${pending?.search ?? ''}`);
    // Somebody else's answer signs nobody in (RFC 6749, section 10.12), nor does another issuer's (RFC 9207).
    if (pending === null || answer.get('state') !== pending.state)
      throw new Error('What came back is no answer to this page; sign in again.');
    if (answer.has('iss') && answer.get('iss') !== signIn.issuer) throw new Error('Another issuer answered.');
    if (answer.has('error')) throw new Error(answer.get('error_description') ?? answer.get('error'));
    await ask({
      grant_type: 'authorization_code',
      code: answer.get('code'),
      redirect_uri: here,
      code_verifier: pending.verifier,
    });
  }

  let renewing;
  /** The access token; undefined for who is signed in no longer. */
  async function accessToken() {
    const tokens = kept(TOKENS);
    if (tokens === null || Date.now() < tokens.until - EARLY_MS) return tokens?.access;
    if (tokens.refresh === undefined)
      return Date.now() < tokens.until ? tokens.access : signedOut('You are signed out.');
    renewing ??= ask({ grant_type: 'refresh_token', refresh_token: tokens.refresh }).finally(
      () => (renewing = undefined),
    );
    await renewing.catch((error) => signedOut(error.message));
    return kept(TOKENS)?.access;
  }

  function signedOut(why) {
    forget(TOKENS);
    tell(why, 'Sign in', () => begin().catch((error) => signedOut(error.message)));
  }

  function signedIn() {
    tell('', 'Sign out', () => {
      keep(STAYED_OUT, true);
      signedOut('');
    });
  }

  /** Shows who is in, and a button, at the page's lower right. */
  function tell(message, label, act) {
    const bar = document.getElementById('sign-in');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', act);
    bar.replaceChildren(message, button);
  }

  async function start() {
    const answer = new URLSearchParams(location.search);
    try {
      if (answer.has('state') && (answer.has('code') || answer.has('error'))) await finish(answer);
      else if (kept(TOKENS) === null && signIn.required && kept(STAYED_OUT) === null) await begin();
      if (kept(TOKENS) === null) signedOut('');
      else signedIn();
    } catch (error) {
      signedOut(error.message);
    }
  }

  const started = start();
  window.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { origin, pathname } = new URL(request.url);
    // What somebody has written among the headers counts.
    if (
      origin !== location.origin ||
      pathname !== '/graphql' ||
      request.headers.has('authorization') ||
      request.headers.has('x-api-key')
    )
      return await plainFetch(request);
    await started;
    const token = await accessToken();
    if (token !== undefined) request.headers.set('authorization', `Bearer ${token}`);
    const response = await plainFetch(request);
    if (response.status === 401 && token !== undefined) signedOut('The server does not accept the token.');
    return response;
  };
})();
