package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.gateway.admin.ConfigControl.ModelState;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.store.ModelSetting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelOverlayTest {
  @TempDir private Path folder;

  private ModelSpec spec(String name, int workers) throws IOException {
    Path file = folder.resolve(name + ".gguf");
    Files.write(file, new byte[1]);
    return new ModelSpec(file, name, workers);
  }

  @Test
  void whatAnOperatorSetHoldsInThePlaceOfTheFilesOfThatName() throws Exception {
    List<ModelSpec> configured = List.of(spec("a", 1), spec("b", 1), spec("c", 1));
    ModelSpec changed = spec("b", 3);
    ModelSpec added = spec("d", 1);

    List<ModelSetting> settings =
        List.of(
            new ModelSetting("a", null),
            new ModelSetting("b", changed),
            new ModelSetting("d", added));

    assertEquals(
        List.of(changed, configured.getLast(), added), ModelOverlay.of(configured, settings));
    List<ModelState> states = ModelOverlay.states(configured, "file", settings);
    assertEquals(List.of("a", "b", "c", "d"), states.stream().map(ModelState::name).toList());
    assertEquals(
        List.of("api", "api", "file", "api"), states.stream().map(ModelState::origin).toList());
    assertNull(states.getFirst().spec());
    assertNull(states.getLast().configured());
  }

  @Test
  void oneWhoseFileIsGoneLeavesTheFilesOfThatName() throws Exception {
    List<ModelSpec> configured = List.of(spec("a", 1));
    ModelSpec gone = new ModelSpec(folder.resolve("gone.gguf"), "a", 2);

    assertEquals(configured, ModelOverlay.of(configured, List.of(new ModelSetting("a", gone))));
  }
}
