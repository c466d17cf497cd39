package dev.switchboard.gateway.tls;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A certificate made in a moment, with its key. What it is for is {@code localhost} and 127.0.0.1;
 * each may issue others.
 */
public record TestCertificate(X509Certificate certificate, KeyPair keys, String name) {
  private static final AtomicLong SERIAL = new AtomicLong(1);
  private static final String COMMON_NAME = "0603550403";
  private static final byte[] HOST =
      names(der(0x82, ascii("localhost")), der(0x87, hex("7f000001")));
  private static final String UNTIL = "491231235959Z";
  private static final int RSA_KEY_AT = 26;
  private static final int EC_KEY_AT = 28;
  private static final char[] PASSWORD = "password".toCharArray();

  /** One that no other vouches for. */
  public static TestCertificate root(String name, String algorithm) throws Exception {
    KeyPair keys = pair(algorithm);
    return new TestCertificate(signed(name, keys, name, keys, UNTIL, HOST), keys, name);
  }

  /** One that this one vouches for. */
  public TestCertificate issue(String issued, String algorithm) throws Exception {
    KeyPair pair = pair(algorithm);
    return new TestCertificate(signed(issued, pair, name, keys, UNTIL, HOST), pair, issued);
  }

  /** One that it vouches for, for another host. */
  public TestCertificate issueFor(String host) throws Exception {
    KeyPair pair = pair("EC");
    byte[] names = names(der(0x82, ascii(host)));
    return new TestCertificate(signed(host, pair, name, keys, UNTIL, names), pair, host);
  }

  /** One that it vouched for until the year 2021. */
  public TestCertificate issueExpired(String issued) throws Exception {
    KeyPair pair = pair("EC");
    return new TestCertificate(
        signed(issued, pair, name, keys, "210101000000Z", HOST), pair, issued);
  }

  private static KeyPair pair(String algorithm) throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    if (!algorithm.equals("Ed25519")) {
      generator.initialize(algorithm.equals("RSA") ? 2048 : 256);
    }
    return generator.generateKeyPair();
  }

  private static X509Certificate signed(
      String subject, KeyPair keys, String issuer, KeyPair issuerKeys, String until, byte[] names)
      throws Exception {
    String algorithm = issuerKeys.getPrivate().getAlgorithm();
    byte[] scheme =
        switch (algorithm) {
          case "RSA" -> hex("300d06092a864886f70d01010b0500");
          case "EC" -> hex("300a06082a8648ce3d040302");
          default -> hex("300506032b6570");
        };
    byte[] content =
        der(
            0x30,
            hex("a003020102"),
            der(0x02, BigInteger.valueOf(SERIAL.getAndIncrement()).toByteArray()),
            scheme,
            name(issuer),
            der(0x30, der(0x17, ascii("200101000000Z")), der(0x17, ascii(until))),
            name(subject),
            keys.getPublic().getEncoded(),
            der(0xa3, der(0x30, names, hex("300f0603551d130101ff040530030101ff"))));
    Signature signature =
        Signature.getInstance(
            switch (algorithm) {
              case "RSA" -> "SHA256withRSA";
              case "EC" -> "SHA256withECDSA";
              default -> "EdDSA";
            });
    signature.initSign(issuerKeys.getPrivate());
    signature.update(content);
    byte[] bits = der(0x03, new byte[] {0}, signature.sign());
    return (X509Certificate)
        CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(der(0x30, content, scheme, bits)));
  }

  /** The extension that names whom it is for. */
  private static byte[] names(byte[]... names) {
    return der(0x30, hex("0603551d11"), der(0x04, der(0x30, names)));
  }

  private static byte[] name(String text) {
    return der(0x30, der(0x31, der(0x30, hex(COMMON_NAME), der(0x0c, ascii(text)))));
  }

  private static byte[] der(int tag, byte[]... parts) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      content.writeBytes(part);
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    whole.write(tag);
    byte[] length = BigInteger.valueOf(content.size()).toByteArray();
    if (content.size() > 0x7f) {
      boolean padded = length[0] == 0;
      whole.write(0x80 + length.length - (padded ? 1 : 0));
      whole.write(length, padded ? 1 : 0, length.length - (padded ? 1 : 0));
    } else {
      whole.write(content.size());
    }
    whole.writeBytes(content.toByteArray());
    return whole.toByteArray();
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** The certificate as a file has it. */
  public String pem() throws Exception {
    return block("CERTIFICATE", certificate.getEncoded());
  }

  /** The key as a file has it. */
  public String keyPem() {
    return block("PRIVATE KEY", keys.getPrivate().getEncoded());
  }

  /**
   * The same in the older form of its algorithm, RSA or EC, which is what PKCS#8 has behind a
   * beginning that is as long for every such key.
   */
  public String olderKeyPem() {
    byte[] encoded = keys.getPrivate().getEncoded();
    String algorithm = keys.getPrivate().getAlgorithm();
    int begin = algorithm.equals("RSA") ? RSA_KEY_AT : EC_KEY_AT;
    return block(algorithm + " PRIVATE KEY", Arrays.copyOfRange(encoded, begin, encoded.length));
  }

  static String block(String label, byte[] der) {
    String text = Base64.getMimeEncoder(64, ascii("\n")).encodeToString(der);
    return "-----BEGIN " + label + "-----\n" + text + "\n-----END " + label + "-----\n";
  }

  /** What a client that trusts this one alone connects with. */
  public SSLContext trusted() throws Exception {
    return trusted(null);
  }

  /**
   * The same.
   *
   * @param own what it shows when it is asked who it is; null for nothing
   */
  public SSLContext trusted(@Nullable TestCertificate own) throws Exception {
    KeyStore trusted = empty();
    trusted.setCertificateEntry("trusted", certificate);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    KeyStore shown = empty();
    if (own != null) {
      shown.setKeyEntry(
          "own", own.keys.getPrivate(), PASSWORD, new Certificate[] {own.certificate});
    }
    KeyManagerFactory identity = KeyManagerFactory.getInstance("PKIX");
    identity.init(shown, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(identity.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  private static KeyStore empty() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }
}
