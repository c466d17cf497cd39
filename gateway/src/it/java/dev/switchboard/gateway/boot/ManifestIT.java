package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The packaged jars, which {@code --version} and {@code switchboard_build_info} read. */
class ManifestIT {
  @ParameterizedTest
  @ValueSource(strings = {"gateway", "native-engine"})
  void aJarKnowsItsVersion(String module) throws IOException {
    Path target = GatewayProcess.home().resolve(module).resolve("target");
    List<Path> jars;
    try (Stream<Path> files = Files.list(target)) {
      jars = files.filter(file -> file.toString().endsWith(".jar")).toList();
    }

    assertEquals(1, jars.size(), jars::toString);
    try (JarFile jar = new JarFile(jars.getFirst().toFile())) {
      String version =
          jar.getManifest().getMainAttributes().getValue(Attributes.Name.IMPLEMENTATION_VERSION);
      assertTrue(
          String.valueOf(jars.getFirst().getFileName()).equals(module + "-" + version + ".jar"),
          version);
    }
  }
}
