package dev.switchboard.gateway.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bill of materials of a staged folder, as the script writes it. */
final class SbomTest {
  private static final String SCRIPT = System.getProperty("switchboard.home") + "/images/sbom";
  private static final String SUM_OF_ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  @TempDir private Path folder;

  @BeforeEach
  void stage() throws IOException {
    write("staged/libraries/lib/a-1.jar", "abc");
    write("staged/own/lib/gateway.jar", "abc");
    write("staged/own/models/m.gguf", "abc");
    write(
        "staged/parts",
        """
        library\torg.a:a\t1\tpkg:maven/org.a/a@1?classifier=linux\tlibraries/lib/a-1.jar
        machine-learning-model\tm\t2\t-\town/models/m.gguf
        """);
    write(
        "root/var/lib/dpkg/status.d/zlib1g",
        "Package: zlib1g\nVersion: 1:1.3+really1.3.1-1\nArchitecture: amd64\n");
  }

  @Test
  void itHasWhoIsDescribed() throws Exception {
    JsonNode bill = bill("1700000000");

    assertEquals("CycloneDX", bill.at("/bomFormat").textValue());
    assertEquals("1.6", bill.at("/specVersion").textValue());
    assertEquals("2023-11-14T22:13:20Z", bill.at("/metadata/timestamp").textValue());
    assertEquals("container", bill.at("/metadata/component/type").textValue());
    assertEquals("switchboard-gateway", bill.at("/metadata/component/name").textValue());
    assertEquals("c0\"ffee", bill.at("/metadata/component/properties/0/value").textValue());
  }

  @Test
  void eachLibraryHasItsAddressAndSum() throws Exception {
    JsonNode library = component(bill("0"), "org.a:a");

    assertEquals("pkg:maven/org.a/a@1?classifier=linux", library.path("purl").textValue());
    assertEquals("SHA-256", library.at("/hashes/0/alg").textValue());
    assertEquals(SUM_OF_ABC, library.at("/hashes/0/content").textValue());
  }

  @Test
  void ourOwnFilesAndTheModelHaveSumsAndNoAddress() throws Exception {
    JsonNode bill = bill("0");

    for (String name : List.of("switchboard:gateway.jar", "m")) {
      assertEquals(SUM_OF_ABC, component(bill, name).at("/hashes/0/content").textValue());
      assertTrue(component(bill, name).path("purl").isMissingNode());
    }
    assertEquals("machine-learning-model", component(bill, "m").path("type").textValue());
  }

  @Test
  void debianPackagesHaveEncodedVersions() throws Exception {
    JsonNode debian = component(bill("0"), "zlib1g");

    assertEquals(
        "pkg:deb/debian/zlib1g@1%3A1.3%2Breally1.3.1-1?arch=amd64&distro=debian-13",
        debian.path("purl").textValue());
    assertEquals("1:1.3+really1.3.1-1", debian.path("version").textValue());
  }

  @Test
  void referencesAreUniqueAndTheSameInputGivesTheSameBytes() throws Exception {
    Set<String> references = new HashSet<>();

    for (JsonNode each : bill("0").path("components")) {
      assertTrue(references.add(each.path("bom-ref").textValue()), each.toString());
    }

    assertEquals(4, references.size());
    assertEquals(written("0"), written("0"));
  }

  private static JsonNode component(JsonNode bill, String name) {
    for (JsonNode each : bill.path("components")) {
      if (name.equals(each.path("name").textValue())) {
        return each;
      }
    }
    throw new AssertionError("no " + name + " in " + bill);
  }

  private JsonNode bill(String epoch) throws IOException, InterruptedException {
    return new ObjectMapper().readTree(written(epoch));
  }

  private String written(String epoch) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            SCRIPT,
            "switchboard-gateway",
            "0.1.0",
            "c0\"ffee",
            folder.resolve("root").toString(),
            folder.resolve("staged").toString());
    builder.environment().put("SOURCE_DATE_EPOCH", epoch);
    Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor());
    return text;
  }

  private void write(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
