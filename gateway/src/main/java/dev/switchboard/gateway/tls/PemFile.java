package dev.switchboard.gateway.tls;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A file of certificates or of a private key as text (RFC 7468). Keys may be in PKCS#8 or in the
 * older forms of their algorithm, which tools still write: RFC 8017 for RSA, RFC 5915 for EC.
 *
 * @param name of the configuration's key, or of the variable, that names it; for complaints
 */
public record PemFile(String name, Path path) {
  private static final long MOST_BYTES = 1 << 20;

  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);

  private static final byte[] VERSION_0 = {0x02, 0x01, 0x00};
  private static final int SEQUENCE = 0x30;
  private static final int OCTETS = 0x04;

  /**
   * Every certificate, in their order; at least one.
   *
   * @throws IllegalArgumentException naming the key of the configuration and the file
   */
  public List<X509Certificate> certificates() {
    List<X509Certificate> found = new ArrayList<>();
    for (MatchResult block : blocks()) {
      if (block.group(1).equals("CERTIFICATE")) {
        found.add(certificate(bytes(block)));
      }
    }
    if (found.isEmpty()) {
      throw wrong("holds no certificate (BEGIN CERTIFICATE)", null);
    }
    return found;
  }

  /** Every certificate, valid now; else as {@link #certificates} and {@link #checkTimes} say. */
  public List<X509Certificate> certificates(Instant now) {
    List<X509Certificate> found = certificates();
    checkTimes(found, now);
    return found;
  }

  /**
   * Of certificates that were read of it those that are valid now, in their order. A bundle whose
   * owner replaces an authority over months holds the old one and the new one, and for a while
   * either may be out of its time.
   *
   * @throws IllegalArgumentException as {@link #checkTimes} says, where none is valid
   */
  public List<X509Certificate> valid(List<X509Certificate> certificates, Instant now) {
    List<X509Certificate> valid =
        certificates.stream()
            .filter(each -> !now.isBefore(each.getNotBefore().toInstant()))
            .filter(each -> !now.isAfter(each.getNotAfter().toInstant()))
            .toList();
    if (valid.isEmpty()) {
      checkTimes(certificates, now);
    }
    return valid;
  }

  /**
   * Looks at the times of certificates that were read of it. Who shows an expired one is refused by
   * everybody, and is told no more than that; of an authority nobody else looks at its time: it
   * would vouch for others for ever.
   *
   * @param now at which they must be valid
   * @throws IllegalArgumentException naming the key of the configuration and the file
   */
  void checkTimes(List<X509Certificate> certificates, Instant now) {
    for (X509Certificate certificate : certificates) {
      Instant from = certificate.getNotBefore().toInstant();
      Instant until = certificate.getNotAfter().toInstant();
      if (now.isBefore(from)) {
        throw wrong("holds a certificate that is not valid before " + from, null);
      }
      if (now.isAfter(until)) {
        throw wrong("holds a certificate that expired at " + until, null);
      }
    }
  }

  /** Until when all of some certificates are valid; empty where there are none. */
  public static Optional<Instant> firstEnd(List<X509Certificate> certificates) {
    return certificates.stream()
        .map(certificate -> certificate.getNotAfter().toInstant())
        .min(Instant::compareTo);
  }

  /** Trusts what leads to one of these certificates and nothing else. */
  public static TrustManagerFactory trusting(List<X509Certificate> authorities) {
    try {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      for (int i = 0; i < authorities.size(); i++) {
        store.setCertificateEntry(Integer.toString(i), authorities.get(i));
      }
      TrustManagerFactory made =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      made.init(store);
      return made;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("a store in memory", e);
    }
  }

  private X509Certificate certificate(byte[] der) {
    try {
      Certificate read =
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(der));
      return (X509Certificate) read;
    } catch (CertificateException e) {
      throw wrong("holds a certificate that cannot be read", e);
    }
  }

  /** The one private key, which is to be of the public one's algorithm. */
  public PrivateKey key(PublicKey other) {
    List<MatchResult> keys =
        blocks().stream().filter(block -> block.group(1).endsWith("PRIVATE KEY")).toList();
    if (keys.size() != 1) {
      throw wrong("must hold one private key (BEGIN PRIVATE KEY), not " + keys.size(), null);
    }
    MatchResult block = keys.getFirst();
    boolean encrypted =
        block.group(1).startsWith("ENCRYPTED") || block.group(2).contains("ENCRYPTED");
    if (encrypted) {
      throw wrong("holds a key that is encrypted, and nobody is here to decrypt it", null);
    }
    byte[] der = bytes(block);
    try {
      boolean wrapped = block.group(1).equals("PRIVATE KEY");
      return KeyFactory.getInstance(other.getAlgorithm())
          .generatePrivate(new PKCS8EncodedKeySpec(wrapped ? der : wrapped(der, other)));
    } catch (GeneralSecurityException e) {
      throw wrong("holds no " + other.getAlgorithm() + " key, as its certificate needs", e);
    }
  }

  /** A key in the form of its algorithm as PKCS#8, which differs by what is written before it. */
  private static byte[] wrapped(byte[] key, PublicKey other) {
    return element(SEQUENCE, VERSION_0, algorithm(other.getEncoded()), element(OCTETS, key));
  }

  /** The algorithm with its parameters: the first element within a public key's encoding. */
  private static byte[] algorithm(byte[] publicKey) {
    int begin = contentAt(publicKey, 0);
    int content = contentAt(publicKey, begin);
    int end = content + (publicKey[content - 1] & 0xff);
    return Arrays.copyOfRange(publicKey, begin, end);
  }

  /** Where an element's content begins, behind its tag and length. */
  private static int contentAt(byte[] der, int element) {
    int length = der[element + 1] & 0xff;
    return element + 2 + (length < 0x80 ? 0 : length - 0x80);
  }

  private static byte[] element(int tag, byte[]... parts) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      content.writeBytes(part);
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    whole.write(tag);
    writeLength(whole, content.size());
    whole.writeBytes(content.toByteArray());
    return whole.toByteArray();
  }

  /** In as few bytes as it takes: DER allows no others. */
  private static void writeLength(ByteArrayOutputStream out, int length) {
    if (length < 0x80) {
      out.write(length);
      return;
    }
    int bytes = (Integer.SIZE - Integer.numberOfLeadingZeros(length) + 7) / 8;
    out.write(0x80 + bytes);
    for (int i = bytes - 1; i >= 0; i--) {
      out.write(length >> (8 * i));
    }
  }

  private List<MatchResult> blocks() {
    return BLOCK.matcher(text()).results().toList();
  }

  private String text() {
    try {
      if (Files.size(path) > MOST_BYTES) {
        throw wrong("is larger than " + MOST_BYTES + " bytes", null);
      }
      return Files.readString(path, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IllegalArgumentException(name + ": cannot read " + path, e);
    }
  }

  private byte[] bytes(MatchResult block) {
    try {
      return Base64.getDecoder().decode(block.group(2).replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw wrong("holds what is not base64", e);
    }
  }

  IllegalArgumentException wrong(String what, @Nullable Throwable cause) {
    return new IllegalArgumentException(name + ": " + path + " " + what, cause);
  }
}
