package dev.switchboard.console.api;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A certificate made in a moment, with its key. What it is for is {@code localhost} and 127.0.0.1;
 * each may issue others.
 */
public record TestCertificate(X509Certificate certificate, KeyPair keys, String name) {
  private static final AtomicLong SERIAL = new AtomicLong(1);
  private static final String COMMON_NAME = "0603550403";
  private static final String UNTIL = "491231235959Z";

  /** One that no other vouches for. */
  public static TestCertificate root(String name, String algorithm) throws Exception {
    KeyPair keys = pair(algorithm);
    return new TestCertificate(signed(name, keys, name, keys, UNTIL), keys, name);
  }

  /** One that this one vouches for. */
  public TestCertificate issue(String issued, String algorithm) throws Exception {
    KeyPair pair = pair(algorithm);
    return new TestCertificate(signed(issued, pair, name, keys, UNTIL), pair, issued);
  }

  private static KeyPair pair(String algorithm) throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    if (!algorithm.equals("Ed25519")) {
      generator.initialize(algorithm.equals("RSA") ? 2048 : 256);
    }
    return generator.generateKeyPair();
  }

  private static X509Certificate signed(
      String subject, KeyPair keys, String issuer, KeyPair issuerKeys, String until)
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
            der(0xa3, der(0x30, host(), hex("300f0603551d130101ff040530030101ff"))));
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
  private static byte[] host() {
    byte[] names = der(0x30, der(0x82, ascii("localhost")), der(0x87, hex("7f000001")));
    return der(0x30, hex("0603551d11"), der(0x04, names));
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

  static String block(String label, byte[] der) {
    String text = Base64.getMimeEncoder(64, ascii("\n")).encodeToString(der);
    return "-----BEGIN " + label + "-----\n" + text + "\n-----END " + label + "-----\n";
  }
}
