// An OpenID provider for tests: who signs in is set by the test, nobody types a password.
// Usage: node provider.js SETTINGS, a JSON text: {port, clientId, clientSecret, redirectUri, signInUri, logoutUri, keys}
// It prints "ready" when it answers. POST /test/person sets who signs in next; POST /test/logout ends
// their sessions.
import http from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${settings.port}`;
let person = null;
const people = new Map();

const provider = new Provider(issuer, {
  clients: [{
    client_id: settings.clientId,
    client_secret: settings.clientSecret,
    redirect_uris: [settings.redirectUri],
    post_logout_redirect_uris: [settings.signInUri],
    backchannel_logout_uri: settings.logoutUri,
    backchannel_logout_session_required: true,
  }],
  jwks: {keys: settings.keys},
  cookies: {keys: ['only for tests']},
  claims: {openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name', 'groups']},
  conformIdTokenClaims: settings.claimsInIdToken !== true,
  features: {
    devInteractions: {enabled: false},
    backchannelLogout: {enabled: true},
    rpInitiatedLogout: {enabled: true},
  },
  // Its own refuses addresses of this machine, where the desk under test is.
  fetch: (url, options) => fetch(url, {...options, dispatcher: undefined}),
  pkce: {required: () => true},
  interactions: {url: (ctx, interaction) => `/interaction/${interaction.uid}`},
  async findAccount(ctx, id) {
    return {accountId: id, async claims() { return {sub: id, ...people.get(id)}; }};
  },
});

provider.on('backchannel.error', (ctx, error) => console.error(error));

async function interact(req, res) {
  const {prompt, params, grantId, session} = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    const result = person === null
      ? {error: 'access_denied', error_description: '<script>alert(1)</script>'}
      : {login: {accountId: person}};
    return provider.interactionFinished(req, res, result);
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({accountId: session.accountId, clientId: params.client_id});
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(req, res, {consent: {grantId: await grant.save()}});
}

async function body(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return JSON.parse(text || '{}');
}

const answer = provider.callback();
http.createServer(async (req, res) => {
  try {
    if (req.url === '/test/person') {
      const {sub, ...claims} = await body(req);
      person = sub ?? null;
      if (sub) people.set(sub, claims);
      res.end('{}');
    } else if (req.url.startsWith('/interaction/')) {
      await interact(req, res);
    } else {
      await answer(req, res);
    }
  } catch (error) {
    console.error(error);
    res.writeHead(500).end('{}');
  }
}).listen(settings.port, '127.0.0.1', () => console.log('ready'));
