/**
 * What an answer says of the credentials that would let its caller in: the value of `WWW-Authenticate`, as RFC 6750
 * has it.
 *
 * @param error why those that were shown did not; none where there were none
 * @param scope the scope that they lack
 */
export function bearerChallenge(
  error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope',
  scope?: string,
): string {
  let challenge = 'Bearer realm="nestor"';
  if (error !== undefined) challenge += `, error="${error}"`;
  if (scope !== undefined) challenge += `, scope="${scope}"`;
  return challenge;
}
