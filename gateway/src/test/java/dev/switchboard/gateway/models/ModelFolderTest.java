package dev.switchboard.gateway.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFolderTest {
  @TempDir private Path home;
  private Path root;
  private ModelFolder folder;

  @BeforeEach
  void fill() throws IOException {
    root = Files.createDirectories(home.resolve("models"));
    Files.createDirectories(root.resolve("sub"));
    Files.write(home.resolve("secret.gguf"), new byte[3]);
    folder = new ModelFolder(root);
  }

  private void write(String name, int bytes) throws IOException {
    Files.write(root.resolve(name), new byte[bytes]);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../secret.gguf",
        "sub/../../secret.gguf",
        "/secret.gguf",
        "",
        ".gguf/",
        "a",
        "sub//a.gguf",
        "./a.gguf",
        "a.gguf\u0000",
        "a\n.gguf"
      })
  void aNameThatNoFileHereCanHaveIsRefused(String name) {
    ModelFolder.RefusedException refused =
        assertThrows(ModelFolder.RefusedException.class, () -> folder.find(name));

    assertFalse(refused.missing());
  }

  @Test
  void noLinkLeadsOut() throws Exception {
    Files.createSymbolicLink(root.resolve("link.gguf"), home.resolve("secret.gguf"));
    Files.createSymbolicLink(root.resolve("out"), home);
    write("part-00001-of-00002.gguf", 1);
    Files.createSymbolicLink(root.resolve("part-00002-of-00002.gguf"), home.resolve("secret.gguf"));

    for (String name :
        new String[] {"link.gguf", "out/secret.gguf", "part-00001-of-00002.gguf", "none.gguf"}) {
      assertTrue(
          assertThrows(ModelFolder.RefusedException.class, () -> folder.find(name)).missing());
    }
    assertTrue(folder.list().files().isEmpty());
  }

  @Test
  void aLinkInsideIsFollowedAndKeepsItsName() throws Exception {
    write("sub/blob", 7);
    Files.createSymbolicLink(root.resolve("m.gguf"), root.resolve("sub/blob"));

    assertEquals(7, folder.find("m.gguf").bytes());
    assertEquals("m.gguf", folder.list().files().getFirst().name());
  }

  @Test
  void aSplitModelIsOneOfAllItsParts() throws Exception {
    write("sub/big-00001-of-00003.gguf", 1);
    write("sub/big-00002-of-00003.gguf", 2);
    assertTrue(folder.list().files().isEmpty());
    write("sub/big-00003-of-00003.gguf", 3);
    write("small.GGUF", 5);
    write("readme.txt", 5);

    ModelFolder.Listing listing = folder.list();

    assertTrue(listing.complete());
    assertEquals(2, listing.files().size());
    assertEquals("small.GGUF", listing.files().getFirst().name());
    ModelFolder.Found big = listing.files().getLast();
    assertEquals("sub/big-00001-of-00003.gguf", big.name());
    assertEquals(6, big.bytes());
    assertEquals(3, big.parts());
  }
}
