"""igref beside Captum and PAIR saliency: `make bench`."""
