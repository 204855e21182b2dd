/**
 * What becomes of a value because of the name it goes by: counts stay under names in the plural, since `tokens: 512` is what a
 * log is for, and `tokens` may also be a structure of counts.
 */
export type KeyVerdict = 'keep' | 'hide' | 'hide-unless-number' | 'hide-text';

const list = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/));

/** A key without any of these is not looked at further: most keys. */
const STEMS =
  /pass|pwd|secret|tok|key|cred|cook|sess|sid|auth|jwt|bearer|[cx]srf|otp|cv[cv]|pin|psk|mnemonic|dsn|string|phrase|code|url|link|wort/i;

/** Secret wherever they stand, however the words are run together. */
const RUN_TOGETHER =
  /passw(?:or)?d(?!less)|passphrase|passcode|(?:api|private|secret|access|account|signing|encryption)key|clientsecret|(?:access|refresh|auth|bearer)token|connectionstring|credential|setcookie/;

/** Secret wherever they stand as a word, also as the end of one: `csrftoken`, `PGPASSWORD`. */
const WORD_ENDS = /(?:token|secret|pwd|cookie|sess(?:ion)?id|passwort|kennwort)s?$/;
const WORDS = list('session sessions sid jwt bearer csrf xsrf otp totp cvv cvc psk mnemonic dsn authorization creds');

/** Secret only as the last word: `basic_auth` and `db_pass`, but not `auth_method` or `pass_rate`. */
const LAST_WORDS = list('auth authentication pin');

/** A `key` is an everyday word; with one of these before it, it opens something. */
const KEYS_OF = list(
  `api app application private secret access account admin auth client encryption decryption signing signature master root
  shared ssh pgp gpg aes rsa hmac jwt deploy subscription webhook storage session service role anon server cipher functions
  license crypto wrapping write ingest openai anthropic claude gemini google gcp aws azure github gitlab slack stripe twilio
  sendgrid mailgun datadog mistral cohere groq huggingface deepseek openrouter pinecone supabase algolia`,
);
const PAIRS = list(
  `connection-string connection-strings seed-phrase recovery-phrase recovery-code recovery-codes backup-code backup-codes
  verification-code auth-code security-code pin-code auth-header reset-url reset-link magic-url magic-link`,
);

/** As the last word, these make the name one of a fact about the secret. */
const FACTS = list(
  `count counts total length len size limit limits max min budget usage used remaining left rate cost price per type kind name
  names expiry expires expiration expired ttl at age url uri endpoint policy valid invalid required enabled disabled supported
  strength status state error errors location path paths dir file filename version format algorithm alg method methods provider
  providers mode strategy changed updated created rotated rotation reset class index position offset start started end ended
  store timeout ms seconds duration time date interval issuer audience scope scopes bucket buckets consent server servers`,
);

/** With one of these before it, a token is a place in a list or a piece of text. */
const TOKEN_LOOKALIKES = list('page next cancel cancellation abort eos bos eot pad unk mask stop special max min');

/** The words of a name in any style: `apiKey`, `API_KEY`, `x-api-key`, `user[api.key]`. */
export function keyWords(key: string): readonly string[] {
  return key
    .slice(-1_024)
    .normalize('NFKC')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '');
}

/** Decides by the words of a name, not by its letters: `tokenCount`, `author` and `monkey` are no secrets. */
export function keyVerdict(key: string): KeyVerdict {
  // Full-width letters pass the stems only once they are normalised, which is too dear for every key.
  if (!STEMS.test(key) && !/[^\0-\u{7f}]/u.test(key)) return 'keep';
  const words = keyWords(key);
  const last = words.at(-1);
  if (last === undefined) return 'keep';
  if (words.some((word, at) => at > 0 && PAIRS.has(`${words[at - 1]}-${word}`))) return 'hide';
  if (FACTS.has(last) || (last === 'in' && words.at(-2) === 'expires')) return 'keep';
  if (words.includes('ratelimit') || (words.includes('rate') && words.includes('limit'))) return 'keep';
  if (RUN_TOGETHER.test(words.join('')) || opens(words)) return last.endsWith('s') ? 'hide-unless-number' : 'hide';
  if (words.includes('tokens')) return 'hide-text';
  if (last === 'token' && TOKEN_LOOKALIKES.has(words.at(-2) ?? '')) return 'keep';
  const hit = words.find((word) => WORDS.has(word) || WORD_ENDS.test(word));
  if (hit !== undefined) return hit.endsWith('s') && hit === last ? 'hide-unless-number' : 'hide';
  if (last === 'pass') return 'hide-unless-number';
  return LAST_WORDS.has(last) ? 'hide' : 'keep';
}

function opens(words: readonly string[]): boolean {
  return words.some((word, at) => at > 0 && (word === 'key' || word === 'keys') && KEYS_OF.has(words[at - 1] ?? ''));
}
