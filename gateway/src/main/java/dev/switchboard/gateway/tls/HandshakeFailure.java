package dev.switchboard.gateway.tls;

import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import java.io.IOException;
import java.security.cert.CertificateException;
import java.util.Locale;
import javax.net.ssl.SSLException;

/** Why a handshake failed, as far as that can be told from this side. */
public enum HandshakeFailure {
  /** What came was no TLS at all. */
  CLEAR_TEXT,
  /** The connection ended meanwhile, with nothing said. */
  CLOSED,
  /** It took too long. */
  TIMEOUT,
  /** The client showed no certificate, or one that no authority here vouches for. */
  CLIENT_CERTIFICATE,
  /** The client ended it by an alert: it does not believe our certificate, as a rule. */
  ALERT,
  /** The two have no version, cipher or protocol in common, or the client broke the protocol. */
  NEGOTIATION,
  /** Something else. */
  OTHER;

  /** Value of the {@code cause} label. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  static HandshakeFailure of(Throwable failure) {
    String message = String.valueOf(failure.getMessage());
    return switch (failure) {
      case NotSslRecordException _ -> CLEAR_TEXT;
      case SslHandshakeTimeoutException _ -> TIMEOUT;
      // Of these the JDK has no types.
      case SSLException _ when message.contains("Received fatal alert") -> ALERT;
      case SSLException _ when message.contains("client certificate") -> CLIENT_CERTIFICATE;
      case SSLException _ when ofCertificate(failure) -> CLIENT_CERTIFICATE;
      case SSLException _ -> NEGOTIATION;
      case IOException _ -> CLOSED;
      default -> OTHER;
    };
  }

  private static boolean ofCertificate(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof CertificateException) {
        return true;
      }
    }
    return false;
  }
}
