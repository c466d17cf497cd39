package dev.switchboard.gateway.upstream;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.PemTrustOptions;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Whom a TLS client trusts: what the JVM trusts, or some certificates and nothing else. The
 * server's name must be the certificate's either way. Options are kept, since a client keeps what
 * it made of them by their identity. Safe on any thread.
 */
final class Tls {
  private static final ClientSSLOptions USUAL = named(new ClientSSLOptions());
  private static final Map<String, ClientSSLOptions> BY_CA = new ConcurrentHashMap<>();

  private Tls() {}

  /**
   * Sets what a request needs when its URL is https.
   *
   * @param ca certificates in PEM; null for the JVM's
   */
  static RequestOptions trusting(RequestOptions request, @Nullable String ca) {
    if (!Boolean.TRUE.equals(request.isSsl())) {
      return request;
    }
    return request.setSslOptions(
        ca == null
            ? USUAL
            : BY_CA.computeIfAbsent(
                ca,
                pem ->
                    named(
                        new ClientSSLOptions()
                            .setTrustOptions(
                                new PemTrustOptions().addCertValue(Buffer.buffer(pem))))));
  }

  private static ClientSSLOptions named(ClientSSLOptions options) {
    return options.setHostnameVerificationAlgorithm("HTTPS");
  }
}
