package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.gateway.tls.TestCertificate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which certificates of a file a server's own may lead to. */
class AuthoritiesTest {
  private static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");
  private static final Instant BEFORE_ALL = Instant.parse("2019-06-01T00:00:00Z");

  @TempDir private Path folder;

  private Path file(String name, String text) throws Exception {
    return Files.writeString(folder.resolve(name), text);
  }

  @Test
  void ofABundleThoseThatAreNotValidArePassedOver() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    TestCertificate other = TestCertificate.root("newer", "EC");
    String expired = root.issueExpired("old").pem();
    Path valid = file("valid.crt", root.pem() + other.pem());

    Path bundle = file("bundle.crt", expired + root.pem() + expired + other.pem());

    assertEquals(
        Authorities.read("ca-file", valid, NOW), Authorities.readValid("ca-file", bundle, NOW));
  }

  @Test
  void aBundleWithoutAValidOneIsRefusedByName() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    Path expired = file("old.crt", root.issueExpired("old").pem());
    Path early = file("new.crt", root.pem());

    assertEquals(
        "ca-file: " + expired + " holds a certificate that expired at 2021-01-01T00:00:00Z",
        refusal(expired, NOW));
    assertEquals(
        "ca-file: " + early + " holds a certificate that is not valid before 2020-01-01T00:00:00Z",
        refusal(early, BEFORE_ALL));
  }

  private static String refusal(Path file, Instant now) {
    return String.valueOf(
        assertThrows(
                IllegalArgumentException.class, () -> Authorities.readValid("ca-file", file, now))
            .getMessage());
  }

  /** Who names a file for a server of their own is told of what is out of its time in there. */
  @Test
  void aFileThatAnOperatorNamesHoldsValidOnesOnly() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    Path bundle = file("bundle.crt", root.pem() + root.issueExpired("old").pem());

    assertThrows(
        IllegalArgumentException.class, () -> Authorities.read("tls-ca-file", bundle, NOW));
  }
}
