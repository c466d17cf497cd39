package dev.switchboard.gateway.upstream;

import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.ssl.NotSslRecordException;
import io.vertx.core.http.HttpClosedException;
import java.io.FileNotFoundException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Says for an operator why a replica did not answer. The same text stands in the log, as the
 * replica's reason, and in what the launcher prints. It names no number that changes from try to
 * try, so that equal causes have equal texts.
 */
public final class Unanswered {
  /** Causes have causes; nobody needs more. */
  private static final int MOST_CAUSES = 10;

  private Unanswered() {}

  /**
   * The reason.
   *
   * @param to who was asked
   * @param failure that was told
   */
  public static String reason(UpstreamAddress to, Throwable failure) {
    SSLException tls = among(failure, SSLException.class);
    if (tls != null) {
      return "TLS: " + tls(to, tls);
    }
    UnknownHostException unknown = among(failure, UnknownHostException.class);
    if (unknown != null) {
      return "DNS: no address is known for " + to.url().getHost();
    }
    return connection(failure);
  }

  private static String connection(Throwable failure) {
    return switch (failure) {
      case FileNotFoundException absent -> "connection refused: there is no such socket";
      case ConnectTimeoutException slow -> "timeout: no connection in time";
      case ConnectException refused -> "connection refused";
      case TimeoutException slow -> "timeout: no answer in time";
      case HttpClosedException closed -> "the connection was closed without an answer";
      default -> String.valueOf(failure.getMessage());
    };
  }

  private static String tls(UpstreamAddress to, SSLException failure) {
    if (among(failure, NotSslRecordException.class) != null) {
      return "it does not speak TLS";
    }
    if (among(failure, CertificateExpiredException.class) != null
        || among(failure, CertificateNotYetValidException.class) != null) {
      return "its certificate is not valid now";
    }
    if (among(failure, CertPathBuilderException.class) != null
        || among(failure, CertPathValidatorException.class) != null) {
      return "its certificate leads to no authority that is trusted (tls-ca-file)";
    }
    String message = deepest(failure);
    return message.toLowerCase(Locale.ROOT).contains("subject alternative")
            || message.startsWith("No name matching")
        ? "its certificate is not for the name "
            + Objects.requireNonNullElse(to.serverName(), to.url().getHost())
        : message;
  }

  private static String deepest(Throwable failure) {
    Throwable last = failure;
    for (int i = 0; i < MOST_CAUSES && last.getCause() != null; i++) {
      last = last.getCause();
    }
    return String.valueOf(last.getMessage());
  }

  private static <T extends Throwable> @Nullable T among(Throwable failure, Class<T> kind) {
    Throwable cause = failure;
    for (int i = 0; i < MOST_CAUSES && cause != null; i++) {
      if (kind.isInstance(cause)) {
        return kind.cast(cause);
      }
      cause = cause.getCause();
    }
    return null;
  }
}
