package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.DeviceFinding.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Why there is no device has one name, whoever says it. */
class DeviceOutcomeTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ""));
  private static final Pattern NAME =
      Pattern.compile("(?:return|kNoLibrary\\[\\] =) \"([a-z_]+)\";");

  @Test
  void theLibrarysOutcomesAreCodesOfTheInventoryAndInTheDocs() throws IOException {
    String docs = Files.readString(HOME.resolve("docs/nvidia-devices.md"));
    Set<String> outcomes = outcomes();

    assertEquals(13, outcomes.size(), outcomes::toString);
    for (String outcome : outcomes) {
      Code code = Code.ofRefusal("cuda: " + outcome + ": why");
      assertNotNull(code, outcome);
      assertEquals(outcome, code.word());
      assertTrue(docs.contains("`" + outcome + "`"), outcome);
    }
  }

  private static Set<String> outcomes() throws IOException {
    String source = Files.readString(HOME.resolve("native-engine/src/main/cpp/cuda/plugin.h"));
    Set<String> names =
        NAME.matcher(source)
            .results()
            .map(found -> found.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertTrue(names.remove("ready"), names::toString);
    return names;
  }

  @Test
  void aRefusalThatIsAboutNoDeviceHasNoCode() {
    assertEquals(Code.DEVICE_BUSY, Code.ofRefusal("cuda: device 3: device_busy: exclusive mode"));
    assertEquals(
        Code.NO_DRIVER, Code.ofRefusal("sb_engine_plan_memory: cuda: no_driver: none is loaded"));
    assertNull(Code.ofRefusal("cuda: something: else"));
    assertNull(Code.ofRefusal("model: no_driver: is no name"));
  }
}
