"""The live page: a photo from the room, explained by integrated gradients in the browser, without a server or a network."""
