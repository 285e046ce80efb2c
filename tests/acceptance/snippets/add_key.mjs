const response = await fetch('https://api.example.com/users/example_string/AddPhysicalKey', {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'Authorization': 'Bearer YOUR_TOKEN',
    'X-API-Key': 'YOUR_API_KEY'
  },
  body: JSON.stringify({
    orgId: 'example_string',
    orgName: 'example_string',
    note: 'example_string'
  })
});

console.log(JSON.stringify(await response.json()));
