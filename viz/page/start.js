// When all is defined, the page begins.

prepare();
arrive(address.read());
byId('stages').dataset.ready = 'true';
