// Makes a key pair and tokens for each algorithm with jose: prints {jwks, secret, tokens}, where a
// token has its algorithm as its name. Arguments: the issuer, then algorithms.
import { randomBytes } from 'node:crypto';
import { SignJWT, base64url, exportJWK, generateKeyPair } from 'jose';

const [issuer, ...algorithms] = process.argv.slice(2);
const secret = base64url.encode(randomBytes(48)); // the text is the secret
const keys = [];
const tokens = {};
for (const name of algorithms) {
  const [alg, crv] = name.split('/'); // EdDSA/Ed25519
  const header = { alg, typ: 'JWT' };
  let key = new TextEncoder().encode(secret);
  if (!alg.startsWith('HS')) {
    const pair = await generateKeyPair(alg, { crv, extractable: true });
    header.kid = name;
    keys.push({ ...(await exportJWK(pair.publicKey)), kid: name, use: 'sig' });
    key = pair.privateKey;
  }
  tokens[name] = await new SignJWT({ scope: 'orders:read', roles: ['a', 'b'] })
    .setProtectedHeader(header).setIssuer(issuer).setSubject(`of ${name}`)
    .setAudience(['orders', 'carts']).setIssuedAt().setNotBefore('0s').setExpirationTime('1h')
    .sign(key);
}
console.log(JSON.stringify({ jwks: { keys }, secret, tokens }));
