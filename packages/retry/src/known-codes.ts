/** What is known of a code that is not of Sluice. */
export type KnownCode = 'network' | 'cancelled' | 'permanent' | 'lasting';

const CODES: Readonly<Record<KnownCode, string>> = {
  // The way to the service failed, not the service. ENOTFOUND too: resolvers say it of a name server that is away for a moment.
  network: `
    ECONNRESET ECONNREFUSED ECONNABORTED ETIMEDOUT ESOCKETTIMEDOUT EPIPE ENOTFOUND EAI_AGAIN
    ENETDOWN ENETUNREACH ENETRESET EHOSTDOWN EHOSTUNREACH EADDRNOTAVAIL ERR_NETWORK ERR_STREAM_PREMATURE_CLOSE
    ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_HTTP2_GOAWAY_SESSION ERR_TLS_HANDSHAKE_TIMEOUT
    UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_SOCKET UND_ERR_INFO
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH`,
  cancelled: 'CANCELLED ABORT_ERR ERR_CANCELED UND_ERR_ABORTED',
  // The service has understood, and will say the same again: who asks, what for, or who pays for it must change first.
  permanent: `
    invalid_api_key authentication_error permission_error permission_denied not_found_error invalid_request_error
    request_too_large context_length_exceeded string_above_max_length model_not_found invalid_model
    unsupported_parameter unsupported_value missing_required_parameter invalid_prompt content_filter content_policy_violation
    insufficient_quota credit_balance_exhausted billing_error billing_not_active billing_hard_limit_reached
    account_deactivated invalid_organization unsupported_country_region_territory
    UNAUTHENTICATED PERMISSION_DENIED INVALID_ARGUMENT NOT_FOUND FAILED_PRECONDITION UNIMPLEMENTED
    UNAUTHORIZED FORBIDDEN BAD_REQUEST
    UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED`,
  // What is there, or is allowed here, seldom changes within seconds.
  lasting: `
    ENOENT EACCES EPERM EEXIST EISDIR ENOTDIR ENAMETOOLONG ELOOP EROFS EINVAL MODULE_NOT_FOUND ERR_MODULE_NOT_FOUND
    CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REVOKED DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN
    UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY ERR_TLS_CERT_ALTNAME_INVALID`,
};

const KNOWN: ReadonlyMap<string, KnownCode> = new Map(
  Object.entries(CODES).flatMap(([known, codes]) =>
    codes
      .trim()
      .split(/\s+/)
      .map((code) => [code, known as KnownCode]),
  ),
);

/** What is known of a code that is not of Sluice; undefined for one that says nothing to us. */
export function knownCode(code: unknown): KnownCode | undefined {
  return typeof code === 'string' ? KNOWN.get(code) : undefined;
}

/** Whether a word says that the same request will get the same answer. */
export function isPermanentCode(word: string): boolean {
  return KNOWN.get(word) === 'permanent';
}
