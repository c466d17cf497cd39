package dev.switchboard.gateway.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is taken of certificates and keys, and how it is said that one cannot be. */
class TlsIdentityTest {
  private static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");

  @TempDir private Path folder;
  private Path certificateFile;
  private Path keyFile;
  private Path clientCaFile;

  @BeforeEach
  void names() {
    certificateFile = folder.resolve("tls.crt");
    keyFile = folder.resolve("tls.key");
    clientCaFile = folder.resolve("ca.crt");
  }

  private TlsIdentity read(String certificates, String key) throws Exception {
    Files.writeString(certificateFile, certificates);
    Files.writeString(keyFile, key);
    return Objects.requireNonNull(
        TlsIdentity.read(new TlsConfig(certificateFile, keyFile, null), "http.tls", NOW));
  }

  private void assertComplaint(String certificates, String key, String expected) {
    IllegalArgumentException said =
        assertThrows(IllegalArgumentException.class, () -> read(certificates, key));

    assertEquals(expected, String.valueOf(said.getMessage()).replace(folder + "/", ""));
  }

  @Test
  void keysOfEachAlgorithmAndFormAreRead() throws Exception {
    TestCertificate rsa = TestCertificate.root("a", "RSA");
    TestCertificate ec = TestCertificate.root("a", "EC");
    TestCertificate edwards = TestCertificate.root("a", "Ed25519");
    String pkcs1 = rsa.olderKeyPem();
    String sec1 =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
            + ec.olderKeyPem();

    assertEquals(rsa.keys().getPrivate(), read(rsa.pem(), rsa.keyPem()).key());
    assertEquals(rsa.keys().getPrivate(), read(rsa.pem(), pkcs1).key());
    assertEquals(ec.keys().getPrivate(), read(ec.pem(), ec.keyPem()).key());
    assertEquals(ec.keys().getPrivate(), read(ec.pem(), sec1).key());
    assertEquals(edwards.keys().getPrivate(), read(edwards.pem(), edwards.keyPem()).key());
  }

  @Test
  void aChainIsReadInItsOrderAndNothingOfTheKeyIsPrinted() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("own", "EC");

    TlsIdentity read = read("as text\n" + own.pem() + root.pem(), own.keyPem());

    assertEquals(List.of(own.certificate(), root.certificate()), read.chain());
    assertFalse(read.toString().contains("key"), read::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "here.example, here.example, here.example",
    "here.example, 127.0.0.1, here.example",
    "*.example, 127.0.0.1, switchboard.example",
  })
  void aClientIsToldANameThatTheCertificateIsFor(String its, String host, String name)
      throws Exception {
    TestCertificate own = TestCertificate.root("root", "EC").issueFor(its);

    assertEquals(name, read(own.pem(), own.keyPem()).nameFor(host));
  }

  @ParameterizedTest
  @CsvSource({"localhost, localhost", "127.0.0.1, 127.0.0.1", "10.0.0.1, localhost"})
  void whatItIsReachedAtIsTheFirstChoice(String host, String name) throws Exception {
    TestCertificate own = TestCertificate.root("root", "EC");

    assertEquals(name, read(own.pem(), own.keyPem()).nameFor(host));
  }

  @Test
  void withoutACertificateThereIsNoTls() {
    assertNull(TlsIdentity.read(TlsConfig.NONE, "http.tls", NOW));
  }

  @Test
  void whatCannotBeUsedIsNamedByItsKeyAndFile() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("own", "EC");
    TestCertificate other = TestCertificate.root("other", "EC");
    TestCertificate rsa = TestCertificate.root("rsa", "RSA");
    String key = own.keyPem();
    String certificate = "http.tls.certificate-file: tls.crt ";
    String keys = "http.tls.key-file: tls.key ";

    assertComplaint("", key, certificate + "holds no certificate (BEGIN CERTIFICATE)");
    assertComplaint(
        TestCertificate.block("CERTIFICATE", new byte[40]),
        key,
        certificate + "holds a certificate that cannot be read");
    assertComplaint(
        own.pem() + other.pem(),
        key,
        certificate
            + "must hold the certificate, then each the issuer of the one before: number 2 did not"
            + " issue number 1");
    assertComplaint(
        own.pem(), own.pem(), keys + "must hold one private key (BEGIN PRIVATE KEY), not 0");
    assertComplaint(
        own.pem(), key + key, keys + "must hold one private key (BEGIN PRIVATE KEY), not 2");
    assertComplaint(own.pem(), other.keyPem(), keys + "holds the key of another certificate");
    assertComplaint(own.pem(), rsa.keyPem(), keys + "holds no EC key, as its certificate needs");
    assertComplaint(
        own.pem(),
        key.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        keys + "holds a key that is encrypted, and nobody is here to decrypt it");
    assertComplaint(
        own.pem(),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAA=="
            + "\n-----END RSA PRIVATE KEY-----\n",
        keys + "holds a key that is encrypted, and nobody is here to decrypt it");
    assertComplaint(own.pem(), key.replace("\nM", "\n!"), keys + "holds what is not base64");
    assertComplaint(
        "x".repeat(1 << 20) + own.pem(), key, certificate + "is larger than 1048576 bytes");
  }

  @Test
  void everyCertificateOfTheChainMustBeValidNow() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("own", "EC");
    TestCertificate between = root.issueExpired("between");
    TestCertificate below = between.issue("below", "EC");
    Files.writeString(certificateFile, own.pem());
    Files.writeString(keyFile, own.keyPem());

    assertEquals("holds a certificate that is not valid before 2020-01-01T00:00:00Z", at(2019));
    assertEquals("holds a certificate that expired at 2049-12-31T23:59:59Z", at(2050));
    assertComplaint(
        below.pem() + between.pem(),
        below.keyPem(),
        "http.tls.certificate-file: tls.crt holds a certificate that expired at"
            + " 2021-01-01T00:00:00Z");
  }

  @Test
  void everyAuthorityOfClientsMustBeValidNow() throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("own", "EC");
    TestCertificate old = root.issueExpired("old");
    Files.writeString(certificateFile, own.pem());
    Files.writeString(keyFile, own.keyPem());
    TlsConfig config = new TlsConfig(certificateFile, keyFile, clientCaFile);

    Files.writeString(clientCaFile, root.pem());
    TlsIdentity read = Objects.requireNonNull(TlsIdentity.read(config, "admin.tls", NOW));
    Files.writeString(clientCaFile, root.pem() + old.pem());
    IllegalArgumentException said =
        assertThrows(
            IllegalArgumentException.class, () -> TlsIdentity.read(config, "admin.tls", NOW));

    Instant end = root.certificate().getNotAfter().toInstant();
    assertEquals(Optional.of(end), read.clientCasValidUntil());
    assertEquals(Optional.empty(), read(own.pem(), own.keyPem()).clientCasValidUntil());
    assertEquals(
        "admin.tls.client-ca-file: "
            + clientCaFile
            + " holds a certificate that expired at 2021-01-01T00:00:00Z",
        said.getMessage());
  }

  /** What is said of the certificate at the beginning of a year. */
  private String at(int year) {
    TlsConfig config = new TlsConfig(certificateFile, keyFile, null);
    Instant now = Instant.parse(year + "-01-01T00:00:00Z");
    IllegalArgumentException said =
        assertThrows(
            IllegalArgumentException.class, () -> TlsIdentity.read(config, "http.tls", now));
    return String.valueOf(said.getMessage())
        .replace("http.tls.certificate-file: " + certificateFile + " ", "");
  }

  @Test
  void filesThatAreMissingAreNamed() throws Exception {
    TestCertificate own = TestCertificate.root("own", "EC");
    Files.writeString(certificateFile, own.pem());
    TlsConfig noKey = new TlsConfig(certificateFile, keyFile, null);
    Files.writeString(folder.resolve("own.key"), own.keyPem());
    TlsConfig noCa = new TlsConfig(certificateFile, folder.resolve("own.key"), clientCaFile);

    assertEquals(
        "http.tls.key-file: cannot read " + keyFile,
        assertThrows(IllegalArgumentException.class, () -> TlsIdentity.read(noKey, "http.tls", NOW))
            .getMessage());
    assertEquals(
        "admin.tls.client-ca-file: cannot read " + clientCaFile,
        assertThrows(IllegalArgumentException.class, () -> TlsIdentity.read(noCa, "admin.tls", NOW))
            .getMessage());
  }

  @Test
  void aCertificateWithoutKeyIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new TlsConfig(certificateFile, null, null));
    assertThrows(IllegalArgumentException.class, () -> new TlsConfig(null, null, clientCaFile));
  }
}
