import { describe, expect, it } from 'vitest';
import { type KeyVerdict, keyVerdict, keyWords } from './secret-keys.ts';

describe('the words of a name', () => {
  it.each<[string, string]>([
    ['apiKey', 'api key'],
    ['API_KEY', 'api key'],
    ['x-api-key', 'x api key'],
    ['XApiKey', 'x api key'],
    ['APIKeyV2', 'api key v'],
    ['user[api.key]', 'user api key'],
    ['ｐａｓｓｗｏｒｄ', 'password'],
    ['', ''],
    ['123', ''],
  ])('finds those of %s', (key, words) => {
    expect(keyWords(key).join(' ')).toBe(words);
  });
});

const names: Record<KeyVerdict, string> = {
  hide: `password Password PASSWORD passwd pwd db_password dbPassword userPassWord newPassword password2 password_hash PGPASSWORD
    MYSQL_PWD passphrase passcode user[password] db.password pass\u200bword ｐａｓｓｗｏｒｄ secret client_secret clientSecret
    clientsecret secretKey SECRET_ACCESS_KEY awsSecretAccessKey secret_id apiKey api_key apikey APIKEY APIkey ApiKey x-api-key
    X-Api-Key openai_api_key OPENAI_KEY x-goog-api-key ocp-apim-subscription-key x-functions-key privateKey private_key
    signingKey encryption_key masterKey AccountKey accessKeyId token Token access_token accessToken accesstoken refreshToken
    refresh_token id_token idtoken x-csrf-token X-XSRF-TOKEN csrftoken xsrf x-amz-security-token x-vault-token
    authorization Authorization proxy-authorization authorizationHeader auth basic_auth _auth authToken auth_header bearer
    jwt cookie Cookie set-cookie Set-Cookie setCookie session sessionId session_id sessionid PHPSESSID JSESSIONID connect.sid
    sid credential connectionString connection_string CONNECTION_STRING dsn otp totp pin pinCode cvv seedPhrase
    backup_codes passwordResetUrl magicLink psk`,
  'hide-unless-number':
    'creds passwords secrets credentials apiKeys accessTokens refresh_tokens sessions cookies pass db_pass smtpPass',
  'hide-text': 'tokens max_tokens maxTokens promptTokens completion_tokens tokens_by_model TOKENS',
  keep: `token_count tokenCount tokenUsage token_type tokenExpiresAt token_expires_in tokenizer tokenized tokenBucket nextPageToken
    eos_token cancellationToken keyboard key keys author authors authority authored authorized authMethod auth_type
    authorization_endpoint authorization_servers sessionCount session_count session_duration monkey hockey turkey
    idempotencyKey idempotency_key cacheKey publicKey primary_key foreignKey partitionKey keyId passed passes passing
    compass passenger bypass pass_rate passCount passwordless passwordLength passwordChangedAt password_policy secretName
    secretVersion secretary cookieConsent cookieName x-ratelimit-remaining-tokens anthropic-ratelimit-tokens-reset
    rate_limit_tokens pinned spin opinion mapping code error_code statusCode errorCode zipCode url link string connection
    runId stage tool attempt verdict message name cause details partial side inside consider basic signal assess
    obsession possession`,
};

describe('the verdict on a name', () => {
  const table = Object.entries(names).flatMap(([verdict, all]) =>
    all.split(/\s+/).map((name) => [name, verdict] as const),
  );
  it.each(table)('finds that %s is to %s', (name, verdict) => {
    expect(keyVerdict(name)).toBe(verdict);
  });

  it('reads the end of a long name, where its subject is', () => {
    expect(keyVerdict(`${'a'.repeat(1_000_000)} password`)).toBe('hide');
    expect(keyVerdict(`password ${'a'.repeat(1_000_000)}`)).toBe('keep');
  });
});
