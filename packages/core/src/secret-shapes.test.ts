import { describe, expect, it } from 'vitest';
import { SECRET_SHAPES } from './secret-shapes.ts';

const scrub = (text: string): string => text.replace(SECRET_SHAPES, '*');

/** In halves, so that no scanner takes this file for a leak. */
const letters = (count: number): string => 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7'.repeat(6).slice(0, count);
const hex = (count: number): string => '0a1b2c3d4e5f6789'.repeat(6).slice(0, count);
const capitals = (count: number): string => 'A2B3C4D5E6F7G2H3'.repeat(2).slice(0, count);

describe('the shapes of secrets', () => {
  it.each<[string, string]>([
    ['an Anthropic key', `sk-ant-api03-${letters(93)}AA`],
    ['an OpenAI key', `sk-${letters(48)}`],
    ['an OpenAI project key', `sk-proj-${letters(40)}_${letters(30)}-x`],
    ['an OpenRouter key', `sk-or-v1-${hex(64)}`],
    ['a Groq key', `gsk_${letters(52)}`],
    ['a Hugging Face token', `hf_${letters(34)}`],
    ['an xAI key', `xai-${letters(80)}`],
    ['an AWS key id', `AKIA${capitals(16)}`],
    ['an AWS session key id', `ASIA${capitals(16)}`],
    ['a Google API key', `AIza${letters(35)}`],
    ['a Google access token', `ya29.${letters(60)}`],
    ['a Google client secret', `GOCSPX-${letters(28)}`],
    ['a Vault token', `hvs.${letters(40)}`],
    ['a GitHub token', `ghp_${letters(36)}`],
    ['a GitHub app token', `ghs_${letters(36)}`],
    ['a fine-grained GitHub token', `github_pat_${letters(22)}_${letters(59)}`],
    ['a GitLab token', `glpat-${letters(20)}`],
    ['an npm token', `npm_${letters(36)}`],
    ['a PyPI token', `pypi-AgEI${letters(60)}`],
    ['a Docker token', `dckr_pat_${letters(27)}`],
    ['a Slack bot token', `xoxb-123456789012-1234567890123-${letters(24)}`],
    ['a Slack app token', `xapp-1-A0123-456-${hex(32)}`],
    ['a Slack webhook', `hooks.slack.com/services/T0000/B0000/${letters(24)}`],
    ['a Discord webhook', `discord.com/api/webhooks/123456789/${letters(60)}`],
    ['a Stripe key', `sk_live_${letters(24)}`],
    ['a restricted Stripe key', `rk_test_${letters(24)}`],
    ['a webhook secret', `whsec_${letters(32)}`],
    ['a SendGrid key', `SG.${letters(22)}.${letters(43)}`],
    ['a Twilio key', `SK${hex(32)}`],
    ['a Shopify token', `shpat_${hex(32)}`],
    ['a Telegram bot token', `1234567890:AA${letters(33)}`],
    ['a JWT', `eyJ${letters(20)}.eyJ${letters(30)}.${letters(43)}`],
    ['an unsigned JWT', `eyJ${letters(20)}.eyJ${letters(30)}.`],
    [
      'an encrypted JWT',
      `eyJ${letters(20)}..${letters(16)}.${letters(30)}.${letters(22)}`.replace('..', `.${letters(9)}.`),
    ],
    ['a private key', `-----BEGIN PRIVATE KEY-----\n${letters(60)}\n${letters(9)}=\n-----END PRIVATE KEY-----`],
    [
      'an RSA key with escaped lines',
      `-----BEGIN RSA PRIVATE KEY-----\\n${letters(60)}\\n-----END RSA PRIVATE KEY-----`,
    ],
    ['a PGP key', `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${letters(60)}\n-----END PGP PRIVATE KEY BLOCK-----`],
  ])('tell %s', (_, secret) => {
    expect(scrub(secret)).toBe('*');
    expect(scrub(`x "${secret}", y`)).toBe('x "*", y');
    expect(scrub(`/x_(${secret})`)).toBe('/x_(*)');
  });

  it('take a private key whose end is missing up to the end of the text', () => {
    expect(scrub(`key -----BEGIN EC PRIVATE KEY-----\n${letters(60)}\n${letters(30)}`)).toBe('key *');
  });

  it.each([
    'run_01HZX3YV4N8Q2W5E7R9T',
    '6f9619ff-8b86-d011-b42d-00c04fc964ff',
    '9b74c9897bac770ffc029102a200c5de8b1f6a7e',
    'task-ant-proj-1234567890123456',
    'sk-loading-indicator-wrapper',
    'risk-assessment-2024-report-final',
    'mask_live_1234567890abc',
    'eyJ.eyJ',
    'eyJpZCI6MTIzNDU2fQ',
    'npm_config_registry',
    'SG.short.one',
    'key-value-store',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----',
    'https://api.slack.com/services',
  ])('leave %j', (text) => {
    expect(scrub(text)).toBe(text);
  });
});
