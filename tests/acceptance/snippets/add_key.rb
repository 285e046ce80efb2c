require 'net/http'
require 'json'
require 'uri'

uri = URI('https://api.example.com/users/example_string/AddPhysicalKey')
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true

request = Net::HTTP::Post.new(uri)
request['Content-Type'] = 'application/json'
request['Authorization'] = 'Bearer YOUR_TOKEN'
request['X-API-Key'] = 'YOUR_API_KEY'
request.body = {
  orgId: 'example_string',
  orgName: 'example_string',
  note: 'example_string'
}.to_json

puts http.request(request).body
