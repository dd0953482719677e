// A certified OpenID provider on this machine, as a JSON of the first argument says: {port, clients, accounts, jwks}.
// It prints its issuer once it listens. People sign in on its own development pages, by an account's name.
import Provider from 'oidc-provider';

const { port, clients, accounts, jwks } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients,
  jwks,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  conformIdTokenClaims: true,
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ['of a test'] },
  pkce: { required: () => true },
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Grant: 600, Session: 600 },
  async findAccount(_ctx, id) {
    const known = accounts[id];
    return known === undefined ? undefined : { accountId: id, claims: async () => ({ sub: id, ...known }) };
  },
});
provider.listen(port, '127.0.0.1', () => process.stdout.write(`${issuer}\n`));
